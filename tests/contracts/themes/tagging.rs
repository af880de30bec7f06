// in: root, flatten, option

enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(tag = "kind")]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(tag = "type")]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(tag = "kind", content = "body")]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(tag = "kind", content = "data")]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(tag = "type", content = "body")]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(untagged)]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(rename_all = "snake_case")]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(tag = "kind", rename_all = "snake_case")]
enum Inner { Held { id: u32 }, Card { note: String } }

#[serde(tag = "kind")]
struct Inner { id: u32 }

struct Inner { kind: Kind, id: Option<u32>, note: Option<String> }
enum Kind { Held, Card }
