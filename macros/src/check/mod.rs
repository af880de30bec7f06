//! The checks: the rules that a model must meet before code is written for it.

pub(crate) mod event;
pub(crate) mod handler;
