//! Queues and bindings that an earlier version of the service declared, and that this version removes.

use crate::broker::Broker;
use crate::error::{Error, SubscribeError};
use crate::topology::{BindingPlan, Names};

/// A retired queue, or retired bindings of a queue that still has a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retired {
    /// The queue's name without the service's name.
    pub(crate) queue: String,
    pub(crate) patterns: Vec<String>,
}

impl Retired {
    /// The bindings to remove. For a queue that is drained, they include the binding to the return exchange. The return
    /// exchange then sends the queue's retries to the orphans.
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

/// Removes bindings. A binding that does not exist is no error.
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
