// in: root, recursive

#[serde(untagged)]
enum Inner { Plain, Held { id: u32 }, Card { note: String, value: bool } }

#[serde(untagged)]
enum Inner { Plain, Held { id: u32 } }

#[serde(untagged)]
enum Inner { Plain, Held { id: u32 }, Card { note: String, value: bool }, More { body: u8 } }

#[serde(untagged)]
enum Inner { Plain, Held { id: u64 }, Card { note: String, value: bool } }

#[serde(untagged)]
enum Inner { Plain, Held { id: u32, more: Option<u8> }, Card { note: String, value: bool } }

#[serde(untagged)]
enum Inner { Plain, Held { id: u32, more: u8 }, Card { note: String, value: Option<bool> } }

#[serde(untagged)]
enum Inner { Card { note: String, value: bool }, Held { id: u32 }, Plain }

#[serde(untagged)]
enum Inner { Plain, #[serde(alias = "Card")] Held { #[serde(alias = "note")] id: Value } }

#[serde(untagged)]
enum Inner { Plain, #[serde(rename = "Card", alias = "Held")] Held { id: u32 }, #[serde(alias = "Carte")] Kard { note: String, value: bool } }

#[serde(untagged)]
enum Inner { Plain {}, Held { #[serde(alias = "id")] number: u32 }, Card { note: String, #[serde(default)] value: bool } }

#[serde(untagged)]
enum Inner { Plain(Nothing), Held(Id), Card { note: String, value: bool } }
struct Nothing {}
struct Id { id: u32  }

#[serde(untagged)]
enum Inner { Held { id: Option<u32>, note: Option<String> }, Card { note: String, value: bool }, Plain }
