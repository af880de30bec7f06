//! Handlers: descriptors, inputs, extractors, return values, and the traits that generated code implements.

pub(crate) mod classify;
pub(crate) mod delivery;
pub(crate) mod descriptor;
pub(crate) mod error;
pub(crate) mod extract;
pub(crate) mod failure;
pub(crate) mod input;
pub(crate) mod list;
pub(crate) mod proofs;
pub(crate) mod returns;
pub(crate) mod stub;
