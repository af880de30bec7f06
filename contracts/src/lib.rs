//! The contracts of Tidings' events: JSON Schemas as files that a service commits, so that nobody breaks another team's
//! service without a red test that says whom, where, and how to go on.
//!
//! A [`Contract`] is what one file holds, `contracts/<type>.v<N>.json`: one event type in one version, with the schema of
//! what its writer writes and of what its reader accepts. A [`Folder`] is what a service commits of them.

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
