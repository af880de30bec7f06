//! The wire format: writing events to messages, and reading messages of all clients.

mod base64;
mod body;
pub(crate) mod cloudevents;
mod envelope;
pub(crate) mod error_text;
mod event_fields;
mod head;
pub(crate) mod ids;
#[cfg(any(test, fuzzing))]
pub(crate) mod invariants;
pub(crate) mod limits;
pub(crate) mod malformed;
pub(crate) mod names;
mod object;
pub(crate) mod origin;
pub(crate) mod read;
pub(crate) mod republish;
pub(crate) mod write;

#[cfg(test)]
mod tests;
