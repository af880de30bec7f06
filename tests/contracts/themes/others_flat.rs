// in: flatten, internal, flatten-deep

#[serde(tag = "sort")]
enum Inner { Plain, Held { id: u32 } }

#[serde(tag = "sort")]
enum Inner { Plain, Held { id: u32 }, #[serde(other)] Unknown }

#[serde(tag = "sort")]
enum Inner { Plain, Held { id: u32 }, Card { note: String } }

#[serde(tag = "sort")]
enum Inner { #[serde(alias = "Card")] Plain, Held { #[serde(alias = "note")] id: u32 } }

#[serde(tag = "sort", content = "body")]
enum Inner { Plain, Held { id: u32 } }

#[serde(tag = "sort", content = "body")]
enum Inner { Plain, Held { id: u32 }, #[serde(other)] Unknown }

#[serde(tag = "sort", content = "body")]
enum Inner { Plain, Held { id: u32 }, Card { note: String } }

struct Inner { sort: Sort }
enum Sort { Plain, Held }

struct Inner { sort: Sort }
enum Sort { Plain, #[serde(other)] Held }

struct Inner { #[serde(alias = "kind", alias = "type")] sort: String, #[serde(default)] id: u32 }
