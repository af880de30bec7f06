// in: field, external

type Inner = Value;

type Inner = Option<Value>;

type Inner = String;

type Inner = u32;

type Inner = BTreeMap<String, Value>;

type Inner = Vec<Value>;

type Inner = Named;
struct Named { id: Value }

type Inner = Named;
struct Named { #[serde(default)] id: Value }

type Inner = ();

type Inner = Mixed;
#[serde(untagged)]
enum Mixed { Text(String), Number(f64), Flag(bool), Null, List(Vec<Value>), Object(BTreeMap<String, Value>) }
