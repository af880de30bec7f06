//! The faults that Tidings survives, done to real brokers while events are published and handled, and the accounts
//! that show it.
//!
//! Nothing here asks the runtime what it did. A publisher writes down what each of its callers was told ([`told`]), a
//! handler notes an event in a file before it returns ([`handler_log`]), a bare client takes down all that comes by
//! ([`recorder`]) and empties the dead letters; at the end each event is looked up in all four ([`account`]).
//!
//! A fault is an entry of a module's `FAULTS`, and a function that makes it happen and gives its [`Row`]:
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

// A row is one future, polled in one place, a few at a time.
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
mod recovery;
pub mod relay;
mod row;
pub mod soak;

pub mod publish_log;
mod table;
mod traffic;

pub mod recorder;

pub use crate::fault::{Fault, Inject, Run, Times, all, groups};
pub use crate::harness::{FORM, Form, Harness};
pub use crate::row::Row;
pub use crate::table::Table;
pub use crate::traffic::{Load, Traffic};
