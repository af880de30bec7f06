// in: root, option

enum Inner { Plain, Held { id: u32 } }

enum Inner { Plain, Held { id: u32 }, #[serde(other)] Unknown }

enum Inner { Plain, More, Held { id: u32 } }

enum Inner { Plain, Held { id: u32 }, Card { note: String } }

enum Inner { Held { id: u64 }, #[serde(other)] Plain }

#[serde(tag = "kind")]
enum Inner { Plain, Held { id: u32 } }

#[serde(tag = "kind")]
enum Inner { Plain, Held { id: u32 }, #[serde(other)] Unknown }

#[serde(tag = "kind")]
enum Inner { Plain, Held { id: u32 }, Card { note: String } }

#[serde(tag = "kind", content = "body")]
enum Inner { Plain, Held { id: u32 } }

#[serde(tag = "kind", content = "body")]
enum Inner { Plain, Held { id: u32 }, #[serde(other)] Unknown }

#[serde(tag = "kind", content = "body")]
enum Inner { Plain, Held { id: u32 }, Card { note: String } }
