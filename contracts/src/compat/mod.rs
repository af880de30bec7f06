//! Compatibility: whether the readers of one contract read what the writers of another write.

pub(crate) mod accept;
mod change;
pub(crate) mod compare;
mod counterexample;
pub(crate) mod finding;
mod flat;
pub(crate) mod folders;
mod keywords;
pub(crate) mod missing_event;
mod nearest;
pub(crate) mod outcome;
mod read;
pub(crate) mod rule;
mod shape;
mod text;
pub(crate) mod waiver;
mod waiver_file;
