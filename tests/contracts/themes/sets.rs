// in: deep

type Inner = Vec<u8>;

type Inner = BTreeSet<u8>;

type Inner = HashSet<u8>;

type Inner = BTreeSet<u32>;

type Inner = [u8; 3];

type Inner = [u8; 0];

type Inner = [u8; 1];

type Inner = Box<[u8; 3]>;

type Inner = (u8, u8, u8);

type Inner = VecDeque<i16>;
