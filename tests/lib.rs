//! Tests that need more than one crate of Tidings. The library is empty.
