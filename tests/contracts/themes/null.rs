// in: root, internal-body, flatten

struct Inner { note: u32 }

struct Inner { note: Option<u32> }

struct Inner { #[serde(default)] note: u32 }

struct Inner { #[serde(default)] note: Option<u32> }

struct Inner { #[serde(skip_serializing_if = "Option::is_none")] note: Option<u32> }

struct Inner { note: Option<Box<u32>> }

struct Inner { note: Option<Option<u32>> }

struct Inner { #[serde(default, with = "null_as_zero")] #[schemars(with = "Option<u32>")] note: u32 }
mod null_as_zero {
    use super::*;
    pub fn serialize<S: Serializer>(value: &u32, to: S) -> Result<S::Ok, S::Error> { Some(*value).filter(|value| *value != 0).serialize(to) }
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> { Ok(Option::deserialize(from)?.unwrap_or_default()) }
}

struct Inner { #[serde(deserialize_with = "required")] #[schemars(with = "Nullable", required)] note: Option<u32> }
fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> { Option::deserialize(from) }
#[serde(untagged)]
enum Nullable { Null(()), Number(u32) }

struct Inner { note: () }
