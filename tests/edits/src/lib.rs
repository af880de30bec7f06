//! Edits of the shop's events, as a developer makes them without thinking of consumers.
//!
//! `patches/<name>.patch` is an edit with the expected findings above it. `patches/<name>.before.patch`, if it exists,
//! prepares the shop's events for the edit. The build makes a module of each state.

use tidings::EventDescriptor;

/// An edit of the shop's events.
#[derive(Debug)]
pub struct Edit {
    /// The name of the patch file.
    pub name: &'static str,
    /// The text of the patch file.
    pub patch: &'static str,
    /// The events before it.
    pub old: &'static [EventDescriptor],
    /// The events after it.
    pub new: &'static [EventDescriptor],
}

// Clippy checks the modules once. Rustdoc and the unit tests, which the library lacks, skip them.
#[cfg(not(any(test, doc)))]
include!(concat!(env!("OUT_DIR"), "/edits.rs"));
