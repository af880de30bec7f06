// in: root, external-body, internal-body, adjacent-body, untagged-body, flatten, generic, internal

struct Inner { id: u32, note: String }

struct Inner { id: u32 }

struct Inner { id: u32, note: Option<String> }

struct Inner { id: u32, #[serde(default)] note: String }

struct Inner { id: u32, #[serde(default)] note: Option<String> }

struct Inner { id: u32, #[serde(default, skip_serializing_if = "Option::is_none")] note: Option<String> }

struct Inner { id: u32, #[serde(default, skip_serializing_if = "String::is_empty")] note: String }

struct Inner { id: u32, #[serde(skip_serializing_if = "String::is_empty")] note: String }

struct Inner { id: u32, note: String, value: Option<bool> }

struct Inner { id: u32, note: String, value: bool }
