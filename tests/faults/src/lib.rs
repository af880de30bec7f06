//! The faults that Tidings survives, done to real brokers while events are published and handled, and the accounts
//! that show it.
//!
//! Nothing here asks the runtime what it did. A publisher writes down what each of its callers was told ([`told`]), a
//! handler notes an event in a file before it returns ([`notebook`]), a bare client takes down all that comes by
//! ([`witness`]) and empties the dead letters; at the end each event is looked up in all four ([`account`]).
//!
//! A fault is an entry of a module's `FAULTS`, and a function that makes it happen and gives its [`Row`]:
//!
//! ```no_run
//! # use tidings_faults::{Load, Row, Stage};
//! async fn killed(stage: &Stage) -> Row {
//!     let node = stage.node().await;
//!     let mut traffic = Load::on(&node.url()).start(stage).await;
//!     for _ in 0..stage.times() {
//!         traffic.flows(500).await;
//!         node.kill();
//!         node.start_again().unwrap();
//!     }
//!     traffic.flows(500).await;
//!     traffic.settle().await.into_row(stage.row())
//! }
//! ```

// A row is one future, polled in one place, a few at a time.
#![allow(clippy::large_futures)]

pub mod account;
pub mod alone;
pub mod broker;
pub mod child;
pub mod cluster;
mod delays;
pub mod event;
mod fault;
mod gone;
pub mod handlers;
pub mod network;
pub mod notebook;
pub mod process;
mod recovery;
pub mod relay;
mod row;
pub mod settle;
pub mod soak;
mod stage;
pub mod stranger;
mod table;
pub mod told;
mod traffic;
pub mod wait;
pub mod witness;

pub use crate::fault::{Fault, Run, Strike, Times, all, lanes};
pub use crate::row::Row;
pub use crate::stage::{FORM, Form, Stage};
pub use crate::table::Table;
pub use crate::traffic::{Load, Traffic};
