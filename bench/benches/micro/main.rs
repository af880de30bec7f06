//! The steps of an event's life, each timed alone: `cargo bench -p bench`, or `cargo bench -p bench -- decode` for some.
//!
//! `bare` is the twin: the envelope as a struct, and `serde_json` on it. On a machine with other work look at the column
//! `fastest`; `cargo xtask bench-check` counts the same paths in instructions.

mod decode;
mod dispatch;
mod encode;
mod topics;

fn main() {
    divan::main();
}
