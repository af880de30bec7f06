//! Declaring: exchanges, queues and bindings, as they are planned.

use std::sync::Arc;
use std::time::Duration;

use super::deferred::After;
use super::queue::Queue;
use super::state::{MemoryState, Phase};
use crate::error::{DeclareError, Error};
use crate::topology::{BindingPlan, Plan, QueuePlan};

/// How often a dead letter that no queue takes is tried again, as RabbitMQ's worker does it.
const TRY_AGAIN: Duration = Duration::from_mins(3);

impl MemoryState {
    /// Declares what is not there yet.
    pub(super) fn declare(&mut self, plan: &Plan, after: &mut After) -> Result<(), Error> {
        self.check_reachable(plan)?;
        let mut is_new = false;
        for exchange in &plan.exchanges {
            is_new |= self.exchanges.declare(exchange)?;
        }
        for queue in &plan.queues {
            is_new |= self.declare_queue(queue)?;
        }
        for binding in &plan.bindings {
            is_new |= self.declare_binding(binding)?;
        }
        if is_new {
            self.try_stuck_again();
        }
        self.take_up_parked(after);
        Ok(())
    }

    /// Finds out whether exchanges and queues are there as planned.
    pub(super) fn verify(&self, plan: &Plan) -> Result<(), DeclareError> {
        self.check_reachable(plan)?;
        let missing = |thing, name: &str| DeclareError {
            thing,
            name: name.to_owned(),
            source: "it does not exist".into(),
        };
        for exchange in &plan.exchanges {
            if !self.exchanges.verify(exchange)? {
                return Err(missing("exchange", &exchange.name));
            }
        }
        for queue in &plan.queues {
            if !self.verify_queue(queue)? {
                return Err(missing("queue", &queue.name));
            }
        }
        Ok(())
    }

    /// Whether anything can be asked of the broker now.
    pub(super) fn reachable(&self) -> Result<(), &'static str> {
        match self.phase {
            Phase::Up => Ok(()),
            Phase::Down => Err("the broker is away"),
            Phase::Closed => Err("the bus is closed"),
        }
    }

    fn check_reachable(&self, plan: &Plan) -> Result<(), DeclareError> {
        let Err(why) = self.reachable() else {
            return Ok(());
        };
        let (thing, name) = match plan {
            Plan { queues, .. } if !queues.is_empty() => ("queue", queues[0].name.clone()),
            Plan { exchanges, .. } if !exchanges.is_empty() => ("exchange", exchanges[0].name.clone()),
            _ => ("binding", String::new()),
        };
        Err(DeclareError {
            thing,
            name,
            source: why.into(),
        })
    }

    fn declare_queue(&mut self, plan: &QueuePlan) -> Result<bool, DeclareError> {
        if self.verify_queue(plan)? {
            return Ok(false);
        }
        let name: Arc<str> = plan.name.as_str().into();
        let queue = Queue::new(Arc::clone(&name), plan.arguments.clone());
        self.names.insert(name, self.queues.insert(queue));
        Ok(true)
    }

    /// Whether the queue is there; an error when it has other arguments.
    fn verify_queue(&self, plan: &QueuePlan) -> Result<bool, DeclareError> {
        let Some(&id) = self.names.get(plan.name.as_str()) else {
            return Ok(false);
        };
        match self.queues[id].drift(&plan.arguments) {
            None => Ok(true),
            Some(drift) => Err(DeclareError {
                thing: "queue",
                name: plan.name.clone(),
                source: drift.into(),
            }),
        }
    }

    fn declare_binding(&mut self, plan: &BindingPlan) -> Result<bool, DeclareError> {
        let bound = match self.names.get(plan.queue.as_str()) {
            Some(&queue) if !self.unbindable.remove(&plan.queue) => {
                self.bind(&plan.exchange, queue, &plan.pattern)
            }
            _ => Err(format!("queue `{}` does not exist", plan.queue)),
        };
        bound.map_err(|why| DeclareError {
            thing: "binding",
            name: plan.pattern.clone(),
            source: why.into(),
        })
    }

    /// Binds a queue. `Ok(false)`: it is bound so already.
    pub(super) fn bind(&mut self, exchange: &str, queue: usize, pattern: &str) -> Result<bool, String> {
        let is_new = self.exchanges.bind(exchange, pattern, queue)?;
        if is_new {
            let binding = (exchange.to_owned(), pattern.to_owned());
            self.queues[queue].bindings.push(binding);
        }
        Ok(is_new)
    }

    /// Undoes a binding, if there is one.
    pub(super) fn unbind(&mut self, binding: &BindingPlan) -> Result<(), String> {
        self.reachable()?;
        let Some(&queue) = self.names.get(binding.queue.as_str()) else {
            return Ok(());
        };
        let bindings = &mut self.queues[queue].bindings;
        let is_it = |known: &(String, String)| known.0 == binding.exchange && known.1 == binding.pattern;
        if let Some(at) = bindings.iter().position(is_it) {
            bindings.remove(at);
            self.exchanges.unbind(&binding.exchange, &binding.pattern, queue);
        }
        Ok(())
    }

    /// Lets the dead letters that no queue took be tried once more, at the time RabbitMQ would. Not before something
    /// new was declared: until then it cannot come out differently, and a virtual clock would never come to rest.
    fn try_stuck_again(&mut self) {
        let now = self.clock.elapsed();
        for id in self.queues.ids() {
            let queue = &mut self.queues[id];
            if queue.stuck.is_empty() || queue.retry_at.is_some() {
                continue;
            }
            let waited = now.saturating_sub(queue.stuck_since);
            let rounds = u32::try_from(waited.as_nanos() / TRY_AGAIN.as_nanos()).unwrap_or(u32::MAX - 1);
            queue.retry_at = Some(queue.stuck_since + TRY_AGAIN * (rounds + 1));
            self.watch(id);
        }
    }
}
