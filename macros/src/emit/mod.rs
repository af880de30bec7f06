//! Writes the code for a model that has passed its checks. No function here can fail.

pub(crate) mod event;
pub(crate) mod family;
pub(crate) mod handler;
pub(crate) mod list;
pub(crate) mod stub;
mod tokens;
