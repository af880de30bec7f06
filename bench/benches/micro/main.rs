//! Decoding and encoding, timed one by one: `cargo bench -p bench`, or `cargo bench -p bench -- decode`.
//!
//! `plain_serde` is the reference: the envelope as a struct, and `serde_json` on it. On a busy machine read the column
//! `fastest`. `cargo xtask bench-check` counts the same paths in instructions.

mod decode;
mod encode;

fn main() {
    divan::main();
}
