//! The names of the retry topology of the default service.

use crate::handlers::SERVICE;

/// The first rung, with retry delays divided by twenty.
pub(crate) const FIRST_RUNG: &str = "50ms";

/// The exchange of the delay queues.
pub(crate) const EXCHANGE: &str = "faults.delay";

/// The exchange through which retries return to their queue.
pub(crate) const RETURN_EXCHANGE: &str = "faults.return";

/// The delay queue of a handler and a rung.
pub(crate) fn queue(handler: &str, rung: &str) -> String {
    format!("{SERVICE}.{handler}.delay.{rung}")
}
