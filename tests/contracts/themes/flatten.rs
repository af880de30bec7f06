// in: root, internal, untagged-newtype

struct Inner { id: u32, note: String, extra: Option<bool> }

struct Inner { id: u32, #[serde(flatten)] rest: Rest }
struct Rest { note: String, extra: Option<bool> }

struct Inner { id: u32, #[serde(flatten)] rest: Option<Rest> }
struct Rest { note: String, extra: Option<bool> }

struct Inner { id: u32, #[serde(flatten)] rest: Rest, #[serde(flatten)] more: More }
struct Rest { note: String }
struct More { extra: bool }

struct Inner { id: u32, #[serde(flatten)] rest: BTreeMap<String, Value> }

struct Inner { id: u32, #[serde(flatten)] rest: BTreeMap<String, String> }

struct Inner { id: u32, #[serde(flatten)] rest: Rest }
struct Rest { #[serde(alias = "note", alias = "text")] comment: String }

struct Inner { #[serde(flatten)] rest: Rest }
struct Rest { id: u32, #[serde(flatten)] last: Last }
struct Last { #[serde(default)] note: String, #[serde(alias = "extra")] value: Option<bool> }

struct Inner { id: u32, #[serde(flatten)] rest: Choice }
#[serde(tag = "choice")]
enum Choice { Note { note: String }, Extra { extra: bool } }

struct Inner { id: u32, #[serde(flatten)] rest: Choice }
#[serde(untagged)]
enum Choice { Note { note: String, extra: Option<bool> }, Extra { extra: bool } }

struct Inner { id: u32, #[serde(flatten)] rest: Choice }
enum Choice { note(String), extra(bool) }

struct Inner { id: u32, rest: Rest }
struct Rest { note: String, extra: Option<bool> }
