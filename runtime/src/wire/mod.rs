//! Events on the wire: what is written, and everything that is read.

pub(crate) mod decode;
