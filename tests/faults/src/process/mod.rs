//! Faults of processes: handlers that misbehave, services that are killed, drained, replaced, and fed with nonsense.

pub mod asked;
pub mod asking;
mod crash_loop;
mod handlers;
pub mod instance;
pub mod service;
mod versions;

use crate::child::Child;
use crate::fault::Fault;

/// The programs that run in processes of their own.
pub const CHILDREN: &[Child] = &[Child {
    name: "service",
    run: service::run,
}];

/// Faults of processes.
pub const FAULTS: &[Fault] = crash_loop::FAULTS;
