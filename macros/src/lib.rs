//! The macros of Tidings; use them through the crate `tidings`, which documents them.
