// in: field, untagged-newtype

type Inner = (u32,);

type Inner = (u32, String);

type Inner = (String, u32);

type Inner = (u32, String, bool);

type Inner = (u32, Option<String>);

type Inner = (u64, String);

type Inner = Vec<u32>;

type Inner = Pair;
struct Pair(u32, String);

type Inner = Named;
struct Named { id: u32, note: String }

type Inner = Vec<Value>;
