//! The hot paths, as separate functions. `cargo xtask bench-check` counts their instructions, and `cargo bench -p
//! bench` and the benchmark `overhead` time them.

pub mod event;
pub mod family;
pub mod path;
pub mod plain_serde;
pub mod wire;
