// in: field, option, tuple-struct, adjacent

type Inner = u32;

type Inner = Option<u32>;

type Inner = Option<Option<u32>>;

type Inner = ();

type Inner = Option<()>;

type Inner = Option<String>;

type Inner = Value;

type Inner = Option<Unit>;
struct Unit;

type Inner = Option<Held>;
struct Held(u32);

type Inner = Held;
struct Held(Option<u32>);
