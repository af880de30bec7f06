//! The contexts of an edited type. `Event` is the type that is written and read.

// root
type Event = Inner;

// field
struct Event { id: u32, value: Inner }

// deep
struct Event { middle: Middle }
struct Middle { value: Inner, #[serde(default)] more: Vec<Last> }
struct Last { value: Inner, note: Option<String> }

// option
struct Event { value: Option<Inner> }

// default
struct Event { #[serde(default, skip_serializing_if = "Vec::is_empty")] value: Vec<Inner> }

// vec
struct Event { values: Vec<Inner> }

// map
struct Event { values: BTreeMap<String, Inner> }

// key
struct Event { values: BTreeMap<Inner, u32> }

// tuple
struct Event { pair: (u32, Inner) }

// tuple-struct
struct Event(u32, Inner);

// newtype
struct Event(Inner);

// transparent
#[serde(transparent)]
struct Event { value: Inner }

// array
struct Event { values: Box<[Inner; 2]> }

// external
enum Event { Plain, Held(Inner), Both(u32, Inner) }

// internal
#[serde(tag = "kind")]
enum Event { Plain, Held(Inner) }

// internal-field
#[serde(tag = "kind")]
enum Event { Plain, Held { value: Inner } }

// adjacent
#[serde(tag = "kind", content = "body")]
enum Event { Plain, Held(Inner), Both(u32, Inner) }

// untagged
#[serde(untagged)]
enum Event { Held { value: Inner }, Other { other: bool } }

// untagged-newtype
#[serde(untagged)]
enum Event { Held(Inner), Other { other: bool } }

// flatten
struct Event { first: u32, #[serde(flatten)] value: Inner }

// flatten-deep
struct Event { first: u32, #[serde(flatten)] middle: Middle }
struct Middle { second: bool, #[serde(flatten)] value: Inner }

// flatten-internal
#[serde(tag = "kind")]
enum Event { Plain, Held { first: u32, #[serde(flatten)] value: Inner } }

// flatten-closed
#[serde(deny_unknown_fields)]
struct Event { first: u32, #[serde(flatten)] value: Inner }

// generic
struct Event { page: Page<Inner> }
struct Page<T> { items: Vec<T>, next: Option<T> }

// recursive
struct Event { value: Inner, children: Vec<Event> }

// recursive-enum
enum Event { Leaf(Inner), Node { left: Box<Event>, right: Option<Box<Event>> } }

// external-body
enum Event { Plain, Held { FIELDS } }

// internal-body
#[serde(tag = "kind")]
enum Event { Plain, Held { FIELDS } }

// adjacent-body
#[serde(tag = "kind", content = "body")]
enum Event { Plain, Held { FIELDS } }

// untagged-body
#[serde(untagged)]
enum Event { Held { FIELDS }, Number(u8) }
