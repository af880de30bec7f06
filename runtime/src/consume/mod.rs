//! Consuming: from a delivery of a queue to its acknowledgement.
//!
//! ```text
//! admit (decode, route) → delivery queue → attempt (handler within middleware) → outcome
//!                       → settle (publish events, retry or dead letter) → ack window
//! ```
//!
//! A [`consumer`] owns a queue and keeps it subscribed. A [`session`] is one subscription. `ConsumerSession::run` shows
//! each step of a delivery.

mod ack_window;
mod attempt;
pub(crate) mod bound_handler;
mod breaker;
pub(crate) mod consumed_queue;
pub(crate) mod consumer;
mod delay_queues;
mod delivery_queue;
mod handler_call;
pub(crate) mod lost_runs;
pub(crate) mod middleware;
pub(crate) mod outcome;
mod patterns;
mod pending_delivery;
pub(crate) mod queue_handlers;
pub(crate) mod redelivery_tracker;
pub(crate) mod retired_queue;
mod route;
pub(crate) mod service;
mod session;
mod session_context;
mod settle;
pub(crate) mod status;
mod trials;
