// in: vec

struct Inner { value: u32 }

struct Inner { #[serde(with = "as_text")] #[schemars(with = "String")] value: u32 }
mod as_text {
    use super::*;
    pub fn serialize<S: Serializer>(value: &u32, to: S) -> Result<S::Ok, S::Error> { to.collect_str(value) }
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[serde(from = "Wire", into = "Wire")]
struct Inner { inside: u32 }
struct Wire { value: Either }
#[serde(untagged)]
enum Either { Number(u32), Text(String) }
impl From<Wire> for Inner { fn from(wire: Wire) -> Self { Self { inside: match wire.value { Either::Number(number) => number, Either::Text(_) => 0 } } } }
impl From<Inner> for Wire { fn from(inner: Inner) -> Self { Self { value: if inner.inside == 0 { Either::Text("none".to_owned()) } else { Either::Number(inner.inside) } } } }

#[serde(from = "Wire", into = "Wire")]
struct Inner { inside: u64 }
struct Wire { value: u32 }
impl From<Wire> for Inner { fn from(wire: Wire) -> Self { Self { inside: wire.value.into() } } }
impl From<Inner> for Wire { fn from(inner: Inner) -> Self { Self { value: inner.inside as u32 } } }

#[serde(from = "u32", into = "u32")]
struct Inner { inside: u32 }
impl From<u32> for Inner { fn from(inside: u32) -> Self { Self { inside } } }
impl From<Inner> for u32 { fn from(inner: Inner) -> Self { inner.inside } }

#[serde(from = "Wire", into = "Wire")]
struct Inner { inside: u32 }
#[serde(tag = "v")]
enum Wire { One { value: u32 }, Two { number: u32 } }
impl From<Wire> for Inner { fn from(wire: Wire) -> Self { match wire { Wire::One { value } | Wire::Two { number: value } => Self { inside: value } } } }
impl From<Inner> for Wire { fn from(inner: Inner) -> Self { if inner.inside == 0 { Self::Two { number: 0 } } else { Self::One { value: inner.inside } } } }

struct Inner { #[serde(with = "Remote")] #[schemars(with = "Remote")] value: std::time::Duration }
#[serde(remote = "std::time::Duration")]
struct Remote { #[serde(getter = "std::time::Duration::as_secs")] secs: u64 }
impl From<Remote> for std::time::Duration { fn from(remote: Remote) -> Self { Self::from_secs(remote.secs) } }

struct Inner { value: std::time::Duration }

struct Inner { #[serde(serialize_with = "twice")] value: u32 }
fn twice<S: Serializer>(value: &u32, to: S) -> Result<S::Ok, S::Error> { to.serialize_u32(value / 2) }

struct Inner { value: Id }
#[serde(transparent)]
struct Id { #[serde(rename = "ignored")] id: u32 }
