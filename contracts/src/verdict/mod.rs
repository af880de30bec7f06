//! The verdict: what one contract means to whoever knows another.

mod accept;
mod change;
mod compare;
mod finding;
mod flat;
mod nearest;
mod parts;
mod read;
mod rule;
mod shape;
mod text;
mod variants;

pub use accept::accepts;
pub use compare::{Level, compare};
pub use finding::{Direction, Finding, Severity};
pub use rule::Rule;
