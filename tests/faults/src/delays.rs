//! Where the retries of the suite's service wait.

use crate::handlers::SERVICE;
use crate::stranger::Stranger;

/// The rung that the first retries of a handler wait on, as the suite has it: twenty times as fast.
pub(crate) const FIRST_RUNG: &str = "50ms";

/// The exchange by which retries come back.
pub(crate) const RETURN_EXCHANGE: &str = "faults.return";

/// The queue in which retries of a handler wait on a rung: its own, or else that of all handlers.
pub(crate) async fn queue(stranger: &Stranger, handler: &str, rung: &str) -> String {
    let own = format!("{SERVICE}.{handler}.delay.{rung}");
    if stranger.depth(&own).await.is_some() {
        own
    } else {
        format!("{SERVICE}.delay.{rung}")
    }
}

/// The exchange by which they go there: that of all rungs, or else the rung's.
pub(crate) async fn exchange(stranger: &Stranger, rung: &str) -> String {
    let all = format!("{SERVICE}.delay");
    if stranger.has_exchange(&all).await {
        all
    } else {
        format!("{all}.{rung}")
    }
}
