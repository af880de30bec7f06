//! Where the retries of the suite's service wait.

use crate::handlers::SERVICE;

/// The rung that the first retries of a handler wait on, as the suite has it: twenty times as fast.
pub(crate) const FIRST_RUNG: &str = "50ms";

/// The exchange by which retries go to wait.
pub(crate) const EXCHANGE: &str = "faults.delay";

/// The exchange by which they come back.
pub(crate) const RETURN_EXCHANGE: &str = "faults.return";

/// The queue in which retries of a handler wait on a rung.
pub(crate) fn queue(handler: &str, rung: &str) -> String {
    format!("{SERVICE}.{handler}.delay.{rung}")
}
