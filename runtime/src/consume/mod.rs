//! Consuming: from a queue's delivery to its settlement.
//!
//! ```text
//! delivery → judge (whose is it?) → lanes (may it start?) → attempt (the handler, within its middleware) → outcome
//!          → case (the step is carried out: events published, delay, dead letter) → settle (acknowledged)
//! ```
//!
//! A [`consumer`] owns a queue, a [`shift`] one subscription of it.

pub(crate) mod around;
mod attempt;
mod breaker;
pub(crate) mod case;
pub(crate) mod consumer;
mod delays;
pub(crate) mod drain;
pub(crate) mod harmless_returns;
mod held;
mod judge;
mod lanes;
pub(crate) mod outcome;
mod patterns;
pub(crate) mod retry;
mod service;
mod settle;
mod shift;
pub(crate) mod worker;
pub(crate) mod workers;

pub(crate) use service::Service;
