// in: vec, untagged

type Inner = i8;

type Inner = i16;

type Inner = i32;

type Inner = i64;

type Inner = isize;

type Inner = u8;

type Inner = u32;

type Inner = u64;

type Inner = f32;

type Inner = f64;
