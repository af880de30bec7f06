// in: field, generic

type Inner = u32;

type Inner = i64;

type Inner = f32;

type Inner = f64;

type Inner = String;

type Inner = bool;

type Inner = NonZeroU32;

type Inner = Option<f64>;

type Inner = u128;

type Inner = Vec<u32>;

type Inner = Number;
#[serde(untagged)]
enum Number { Whole(i64), Real(f64) }

type Inner = Amount;
struct Amount { value: u32 }
