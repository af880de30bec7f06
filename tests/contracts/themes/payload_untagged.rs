// in: field

#[serde(untagged)]
enum Inner { Held(u32), Plain }

#[serde(untagged)]
enum Inner { Held(u64), Plain }

#[serde(untagged)]
enum Inner { Held(Option<u32>), Plain }

#[serde(untagged)]
enum Inner { Held((u32, u32)), Plain }

#[serde(untagged)]
enum Inner { Held(u32, u32), Plain }

#[serde(untagged)]
enum Inner { Held { id: u32 }, Plain }

#[serde(untagged)]
enum Inner { Held(Id), Plain }
struct Id { id: u32  }

#[serde(untagged)]
enum Inner { Held(String), Plain }

#[serde(untagged)]
enum Inner { Held, Plain }

#[serde(untagged)]
enum Inner { Held(), Plain }

#[serde(untagged)]
enum Inner { Held(Vec<u32>), Plain }

#[serde(untagged)]
enum Inner { Held(()), Plain }
