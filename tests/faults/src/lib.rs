//! Injects faults into real brokers, networks and processes while events are published and handled, and accounts for
//! every event.
//!
//! The accounts do not ask the runtime what it did. They compare four records ([`account`]): the result of every
//! publish ([`publish_log`]), a file in which handlers log an event before they return ([`handler_log`]), all messages
//! that a client without Tidings received ([`recorder`]), and the dead letters.
//!
//! A fault is an entry in the `FAULTS` of a module, with a function that runs it and returns its [`Row`].
//! `docs/faults.md` says what each fault does:
//!
//! ```no_run
//! # use tidings_faults::{Load, Row, Harness};
//! async fn killed(harness: &Harness) -> Row {
//!     let node = harness.node().await;
//!     let mut traffic = Load::on(&node.url()).start(harness).await;
//!     for _ in 0..harness.times() {
//!         traffic.flows(500).await;
//!         node.kill();
//!         node.start_again().unwrap();
//!     }
//!     traffic.flows(500).await;
//!     traffic.finish().await.into_row(harness.row())
//! }
//! ```

// Each fault is one large future, and only a few exist at a time.
#![allow(clippy::large_futures)]

pub mod account;
pub mod broker;
pub mod child;
pub mod cluster;
pub mod completion;
mod delays;
mod deleted_events;
pub mod event;
mod fault;
pub mod handler_log;
pub mod handlers;
mod harness;
pub mod network;
pub mod own_process;
pub mod process;
pub mod publish_log;
pub mod recorder;
mod recovery;
pub mod relay;
mod row;
pub mod soak;
mod table;
mod traffic;

pub use crate::fault::{Fault, Inject, Run, Times, all, groups};
pub use crate::harness::{FORM, Form, Harness};
pub use crate::row::Row;
pub use crate::table::Table;
pub use crate::traffic::{Load, Traffic};
