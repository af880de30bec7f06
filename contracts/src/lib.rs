//! Event contracts as committed JSON Schema files. A test fails before a change of an event breaks the service of
//! another team.
//!
//! A [`Contract`] is the content of one file, `contracts/<type>.v<N>.json`: one version of one event type. It has the
//! schema of what a writer writes and of what a reader accepts. A [`Folder`] holds the contracts of a service.
//!
//! [`check()`] runs in a test of the service and compares its event types with the committed contracts. The findings
//! name the consumers that break, the place in the event, and what to do.

#![forbid(unsafe_code)]

mod check;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod compat;
mod contract;
mod documents;
mod error;
mod export;
pub mod keyword;
#[cfg(feature = "cli")]
mod report;
mod topology;

pub use check::drift::{Changed, Drift};
pub use check::outdated::Outdated;
pub use check::{Check, check};
pub use compat::accept::accepts;
pub use compat::compare::{Level, compare};
pub use compat::finding::{Direction, Finding, Severity};
pub use compat::folders::{Policy, judge};
pub use compat::outcome::{Outcome, Stale, StaleWaiver};
pub use compat::rule::Rule;
pub use compat::waiver::{Waiver, Waivers};
pub use contract::Contract;
pub use contract::folder::Folder;
pub use documents::asyncapi::conflict::Conflict;
pub use documents::asyncapi::{AsyncApi, asyncapi};
pub use documents::event_schema::Side;
pub use documents::schema_files::Draft;
pub use error::{Error, Result};
pub use topology::check_topology;
pub use topology::finding::{TopologyFinding, TopologyRule};
