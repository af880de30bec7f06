//! Private RabbitMQ nodes and clusters for the tests of Tidings.
//!
//! ```no_run
//! # fn main() -> Result<(), tidings_broker::Error> {
//! use tidings_broker::{Install, Setup};
//!
//! // A virtual host on the node that all tests of a process share:
//! let vhost = tidings_broker::shared().vhost()?;
//! println!("{}", vhost.url());
//!
//! // A node for this test alone:
//! let node = Setup::new(&Install::find()?).conf("consumer_timeout = 5000").start()?;
//! node.kill();
//! node.start_again()?;
//! # Ok(())
//! # }
//! ```
//!
//! Each node has its own name, ports, data, logs, cookie and port mapper, on loopback only, so that tests can run in
//! parallel. A node is killed when its value is dropped or its process ends for any reason. When a test panics, the end
//! of the log is printed and the files are kept.

mod cluster;
mod command;
mod error;
mod install;
mod node;
mod ports;
mod readiness;
mod runner;
mod sandbox;
mod setup;
mod shared;
mod version;
mod vhost;
mod watcher;

pub use crate::cluster::Cluster;
pub use crate::command::{CommandOutput, run_with_deadline};
pub use crate::error::Error;
pub use crate::install::{BROKER, Chosen, Install, PLACE, Place, chosen};
pub use crate::node::Node;
pub use crate::setup::{Setup, Tls};
pub use crate::shared::shared;
pub use crate::version::Version;
pub use crate::vhost::Vhost;
