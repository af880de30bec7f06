//! The hot paths, one by one and each with nothing around it: `cargo xtask bench-check` counts their instructions, the
//! benches of `bench` time them, and `overhead` says what is left of one when its other parts are taken away.

pub mod event;
pub mod family;
pub mod path;
pub mod plain_serde;
pub mod wire;
