// in: map

#[serde(tag = "kind", content = "body")]
enum Inner { Held(u32), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(u64), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(Option<u32>), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held((u32, u32)), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(u32, u32), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held { id: u32 }, Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(Id), Plain }
struct Id { id: u32  }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(String), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held, Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(Vec<u32>), Plain }

#[serde(tag = "kind", content = "body")]
enum Inner { Held(()), Plain }
