//! Edits of the shop's events, as someone may make them who knows of no consumer.
//!
//! `patches/<name>.patch` is the edit, with what it means to consumers above it; `patches/<name>.before.patch`, where there
//! is one, prepares the shop for it. The build makes a module of each.

use tidings::EventDescriptor;

/// One edit of the shop's events.
#[derive(Debug)]
pub struct Edit {
    /// The name of its file.
    pub name: &'static str,
    /// The text of its file.
    pub patch: &'static str,
    /// The events before it.
    pub old: &'static [EventDescriptor],
    /// The events after it.
    pub new: &'static [EventDescriptor],
}

include!(concat!(env!("OUT_DIR"), "/edits.rs"));
