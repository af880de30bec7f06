//! The verdict: what one contract means to whoever knows another.

mod accept;
mod accept_enum;
mod accept_object;
mod finding;
mod nearest;
mod parts;
mod read;
mod rule;
mod shape;
mod text;
mod variants;

pub use accept::accepts;
pub use finding::{Direction, Finding, Severity};
pub use rule::Rule;
