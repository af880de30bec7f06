//! What a service had on the broker once and is to have no longer.

use crate::broker::Broker;
use crate::error::{Error, SubscribeError};
use crate::topology::{BindingPlan, Names};

/// A queue, or some patterns of one, that the service had once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retired {
    /// The queue without the service's name.
    pub(crate) queue: String,
    /// What it was bound by.
    pub(crate) patterns: Vec<String>,
}

impl Retired {
    /// The bindings to undo. Those of a queue that is to be drained include the one by which its retries come back:
    /// without it the return exchange sends them to the orphans by itself.
    pub(crate) fn bindings(&self, names: &Names, exchange: &str, is_drained: bool) -> Vec<BindingPlan> {
        let queue = names.queue(&self.queue);
        let bound = |exchange: String, pattern: String| BindingPlan {
            exchange,
            queue: queue.clone(),
            pattern,
        };
        let mut bindings: Vec<BindingPlan> = self
            .patterns
            .iter()
            .map(|pattern| bound(exchange.to_owned(), pattern.clone()))
            .collect();
        if is_drained {
            bindings.push(bound(names.returns(), queue.clone()));
        }
        bindings
    }
}

/// Undoes bindings; one that is not there is no fault.
///
/// # Errors
/// When the broker refuses it, told as a queue that cannot be taken from.
pub(crate) async fn unbind(broker: &dyn Broker, bindings: &[BindingPlan]) -> Result<(), Error> {
    for binding in bindings {
        if let Err(why) = broker.unbind(binding).await {
            let (pattern, exchange) = (&binding.pattern, &binding.exchange);
            return Err(SubscribeError {
                queue: binding.queue.clone(),
                source: format!("cannot unbind it from exchange `{exchange}` by \"{pattern}\": {why}").into(),
            }
            .into());
        }
    }
    Ok(())
}
