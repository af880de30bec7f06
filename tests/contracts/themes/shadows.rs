// in: root, vec

#[serde(untagged)]
enum Inner { Small { id: u32 }, Large { id: u32, note: String } }

#[serde(untagged)]
enum Inner { Large { id: u32, note: String }, Small { id: u32 } }

#[serde(untagged)]
enum Inner { Any { id: Option<u32> }, Small { id: u32 }, Large { id: u32, note: String } }

#[serde(untagged)]
enum Inner { Large { id: u32, note: String }, Any(Value) }

#[serde(untagged)]
enum Inner { Number(u8), Whole(i64), Real(f64) }

#[serde(untagged)]
enum Inner { Real(f64), Number(u8) }

#[serde(untagged)]
enum Inner { Text(String), Id(Uuid), Date(NaiveDate) }

#[serde(untagged)]
enum Inner { Id(Uuid), Date(NaiveDate) }

#[serde(untagged)]
enum Inner { Id(Uuid), Text(String), Numbers(Vec<u8>), One(u8) }

#[serde(untagged)]
enum Inner { Pair(u8, u8), List(Vec<i32>), Nothing, Flag(bool) }

#[serde(untagged)]
enum Inner { Flag(bool), List(Vec<Option<i32>>), Colour(Colour) }
enum Colour { Red, Green, text }
