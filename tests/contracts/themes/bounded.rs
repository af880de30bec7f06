// in: newtype

type Inner = u8;

type Inner = NonZeroU8;

type Inner = u32;

type Inner = NonZeroU32;

type Inner = u64;

type Inner = NonZeroU64;

type Inner = Option<NonZeroU32>;

type Inner = NonZeroI32;

type Inner = i32;

type Inner = Held;
struct Held(NonZeroU8);
