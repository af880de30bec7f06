//! Tests that need more than one crate of Tidings. Cargo accepts no package of tests alone, so this library is empty.
