// in: root

enum Inner { Held { id: u32 }, Plain }

#[serde(deny_unknown_fields)]
enum Inner { Held { id: u32 }, Plain }

enum Inner { Held { id: u32, note: Option<String> }, Plain }

#[serde(deny_unknown_fields)]
enum Inner { Held { id: u32, note: Option<String> }, Plain }

#[serde(tag = "kind")]
enum Inner { Held { id: u32 }, Plain }

#[serde(tag = "kind", deny_unknown_fields)]
enum Inner { Held { id: u32 }, Plain }

#[serde(tag = "kind")]
enum Inner { Held { id: u32, note: Option<String> }, Plain }

#[serde(tag = "kind", content = "body", deny_unknown_fields)]
enum Inner { Held { id: u32 }, Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held { id: u32, note: Option<String> }, Plain }

#[serde(untagged, deny_unknown_fields)]
enum Inner { Held { id: u32 }, Plain {} }

#[serde(untagged)]
enum Inner { Held { id: u32, note: Option<String> }, Plain {} }
