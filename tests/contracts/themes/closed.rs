// in: root, internal, untagged-newtype, adjacent

struct Inner { id: u32, note: String }

#[serde(deny_unknown_fields)]
struct Inner { id: u32, note: String }

#[serde(deny_unknown_fields)]
struct Inner { id: u32, note: Option<String> }

#[serde(deny_unknown_fields)]
struct Inner { id: u32 }

#[serde(deny_unknown_fields)]
struct Inner { #[serde(alias = "note")] id: u32 }

#[serde(deny_unknown_fields)]
struct Inner { id: u32, #[serde(alias = "note")] comment: Option<String> }

struct Inner { id: u32, note: String, value: Option<bool> }

#[serde(deny_unknown_fields)]
struct Inner { id: u32, note: String, value: Option<bool> }

#[serde(deny_unknown_fields)]
struct Inner { id: u32, #[serde(skip_serializing, default)] note: String, #[serde(skip)] value: bool }

#[serde(deny_unknown_fields)]
struct Inner { id: u32, #[serde(skip_deserializing)] note: String }
