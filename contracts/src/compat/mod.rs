//! The verdict: what one contract means to whoever knows another.

mod accept;
mod change;
mod compare;
mod finding;
mod flat;
mod judge;
mod nearest;
mod outcome;
mod parts;
mod read;
mod rule;
mod shape;
mod text;
mod variants;
mod waiver;
mod witness;

pub use accept::accepts;
pub use compare::{Level, compare};
pub use finding::{Direction, Finding, Severity};
pub use judge::{Policy, judge};
pub use outcome::{Outcome, Stale, StaleWaiver};
pub use rule::Rule;
pub use waiver::{Waiver, Waivers};
