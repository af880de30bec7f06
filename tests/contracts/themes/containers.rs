// in: field, external

type Inner = u32;

type Inner = Option<u32>;

type Inner = Vec<u32>;

type Inner = Vec<Option<u32>>;

type Inner = VecDeque<u32>;

type Inner = Box<u32>;

type Inner = [u32; 2];

type Inner = (u32, u32);

type Inner = HashSet<u32>;

type Inner = BTreeMap<String, u32>;

type Inner = Vec<Vec<u32>>;

type Inner = Box<Box<u32>>;
