// in: field, map, key, external

type Inner = u8;

type Inner = u16;

type Inner = u32;

type Inner = u64;

type Inner = usize;

type Inner = i8;

type Inner = i32;

type Inner = i64;

type Inner = String;

type Inner = bool;
