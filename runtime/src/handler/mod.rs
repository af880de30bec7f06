//! Handlers: what the attribute declares, what a handler takes and returns, and how generated code calls it.

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
