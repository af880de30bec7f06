//! Consuming: from a queue's delivery to its settlement.
//!
//! ```text
//! delivery → judge (whose is it?) → lanes (may it start?) → attempt (the handler, within its middleware) → outcome
//!          → case (the step is carried out: events published, delay, dead letter) → settle (acknowledged)
//! ```
//!
//! A [`consumer`] owns a queue, a [`shift`] one subscription of it.

mod ack_window;
mod attempt;
pub(crate) mod bound_handler;
mod breaker;
pub(crate) mod consumer;
mod delay_queues;
mod delivery_queue;
pub(crate) mod middleware;
pub(crate) mod outcome;
mod patterns;
mod pending_delivery;
pub(crate) mod queue_handlers;
pub(crate) mod redelivery_tracker;
pub(crate) mod retired_queue;
mod route;
mod service;
mod session;
pub(crate) mod settle;

pub(crate) use service::Service;
