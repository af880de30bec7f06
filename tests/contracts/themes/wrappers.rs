// in: vec, flatten, internal

type Inner = Named;
struct Named { id: u32, note: Option<String> }

type Inner = Box<Named>;
struct Named { id: u32, note: Option<String> }

struct Inner(Named);
struct Named { id: u32, note: Option<String> }

#[serde(transparent)]
struct Inner { named: Named }
struct Named { id: u32, note: Option<String> }

type Inner = Wrapper<Named>;
struct Wrapper<T>(T);
struct Named { id: u32, note: Option<String> }

type Inner = Other;
#[schemars(title = "another")]
/// The same by another name.
struct Other { note: Option<String>, #[schemars(description = "a number")] id: u32 }

type Inner = Named<String>;
struct Named<T> { id: u32, note: Option<T> }

type Inner = Named<u32>;
struct Named<T> { id: u32, note: Option<T> }

#[serde(rename = "renamed")]
struct Inner { id: u32, note: Option<String> }

type Inner = Box<Box<Named>>;
#[serde(deny_unknown_fields)]
struct Named { id: u64, note: Option<String> }
