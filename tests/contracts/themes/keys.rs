// in: field

type Inner = BTreeMap<String, u32>;

type Inner = HashMap<String, u32>;

type Inner = BTreeMap<u32, u32>;

type Inner = BTreeMap<u8, u32>;

type Inner = BTreeMap<i64, u32>;

type Inner = BTreeMap<Uuid, u32>;

type Inner = BTreeMap<bool, u32>;

type Inner = BTreeMap<char, u32>;

type Inner = BTreeMap<Colour, u32>;
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Colour { Red, Green }
impl Key for Colour {}

type Inner = BTreeMap<Name, u32>;
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);
impl Key for Name {}

type Inner = BTreeMap<NaiveDate, u32>;

type Inner = BTreeMap<String, u64>;
