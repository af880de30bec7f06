//! Private RabbitMQ nodes and clusters for the tests of Tidings.
//!
//! ```no_run
//! # fn main() -> Result<(), tidings_broker::Error> {
//! use tidings_broker::{Install, Setup};
//!
//! // A vhost on the node that all tests of a binary share:
//! let vhost = tidings_broker::shared().vhost()?;
//! println!("{}", vhost.url());
//!
//! // A node of one's own, to be killed:
//! let node = Setup::new(&Install::find()?).conf("consumer_timeout = 5000").start()?;
//! node.kill();
//! node.start_again()?;
//! # Ok(())
//! # }
//! ```
//!
//! A node has its own name, ports, data, logs, cookie and port mapper, on loopback only, so that tests run side by
//! side. It ends with the value that stands for it, or with the process, however that ends. A test that panics shows
//! the end of its node's log and keeps its files.

mod cluster;
mod command;
mod error;
mod install;
mod lab;
mod node;
mod ports;
mod probe;
mod setup;
mod shared;
mod version;
mod vhost;
mod watcher;
mod world;

pub use crate::cluster::Cluster;
pub use crate::error::Error;
pub use crate::install::{BROKER, Chosen, Install, PLACE, Place, chosen};
pub use crate::node::Node;
pub use crate::setup::{Setup, Tls};
pub use crate::shared::shared;
pub use crate::version::Version;
pub use crate::vhost::Vhost;
