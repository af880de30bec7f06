//! The contracts of Tidings' events: JSON Schemas as files that a service commits, so that nobody breaks another team's
//! service without a red test that says whom, where, and how to go on.
//!
//! A [`Contract`] is what one file holds, `contracts/<type>.v<N>.json`: one event type in one version, with the schema of
//! what its writer writes and of what its reader accepts. A [`Folder`] is what a service commits of them.

#![forbid(unsafe_code)]

mod asyncapi;
mod canonical;
mod check;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod committed;
mod contract;
mod draft7;
mod error;
mod event_schema;
mod example;
mod export;
mod facts;
mod folder;
pub mod keyword;
mod naming;
mod normal;
mod probe;
#[cfg(feature = "cli")]
mod report;
mod sample;
mod schemas;
mod topology;
mod verdict;

pub use asyncapi::{AsyncApi, Conflict, asyncapi};
pub use check::{Changed, Check, Drift, check};
pub use committed::Outdated;
pub use contract::Contract;
pub use error::{Error, Result};
pub use event_schema::Side;
pub use folder::Folder;
pub use schemas::Draft;
pub use topology::{TopologyFinding, TopologyRule, check_topology};
pub use verdict::{
    Direction, Finding, Level, Outcome, Policy, Rule, Severity, Stale, StaleWaiver, Waiver, Waivers, accepts,
    compare, judge,
};
