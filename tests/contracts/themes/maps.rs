// in: field, flatten, internal

type Inner = BTreeMap<String, u32>;

type Inner = BTreeMap<String, Option<u32>>;

type Inner = BTreeMap<String, String>;

type Inner = HashMap<String, Value>;

type Inner = serde_json::Map<String, Value>;

type Inner = Named;
struct Named { id: u32 }

type Inner = Named;
struct Named { id: Option<u32> }

type Inner = Named;
#[serde(deny_unknown_fields)]
struct Named { id: Option<u32> }

type Inner = Named;
struct Named { id: u32, note: String }

type Inner = Named;
struct Named { id: u32, #[serde(flatten)] more: BTreeMap<String, u32> }

type Inner = Named;
struct Named {}
