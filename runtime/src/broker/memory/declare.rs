//! Declares and verifies exchanges, queues and bindings.

use std::sync::Arc;
use std::time::Duration;

use super::deferred::DeferredEffects;
use super::queue::Queue;
use super::state::{Availability, MemoryState};
use crate::error::{DeclareError, Error};
use crate::topology::{BindingPlan, Plan, QueuePlan};

/// How often RabbitMQ routes again the dead letters that no queue accepted.
const UNROUTABLE_RETRY_INTERVAL: Duration = Duration::from_mins(3);

impl MemoryState {
    /// Declares the parts of `plan` that do not exist yet.
    pub(super) fn declare(&mut self, plan: &Plan, effects: &mut DeferredEffects) -> Result<(), Error> {
        self.check_available_for(plan)?;
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
            self.schedule_unroutable_retry();
        }
        self.resume_publishes(effects);
        Ok(())
    }

    /// Checks that the exchanges and queues of `plan` exist with the planned arguments.
    pub(super) fn verify(&self, plan: &Plan) -> Result<(), DeclareError> {
        self.check_available_for(plan)?;
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

    pub(super) fn check_available(&self) -> Result<(), &'static str> {
        match self.availability {
            Availability::Up => Ok(()),
            Availability::Down => Err("the broker is unreachable"),
            Availability::Closed => Err("the bus is closed"),
        }
    }

    fn check_available_for(&self, plan: &Plan) -> Result<(), DeclareError> {
        let Err(why) = self.check_available() else {
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
        self.queue_ids.insert(name, self.queues.insert(queue));
        Ok(true)
    }

    /// Returns whether the queue exists. It is an error when the queue has other arguments.
    fn verify_queue(&self, plan: &QueuePlan) -> Result<bool, DeclareError> {
        let Some(&id) = self.queue_ids.get(plan.name.as_str()) else {
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
        let bound = match self.queue_ids.get(plan.queue.as_str()) {
            Some(&queue) if !self.refused_bindings.remove(&plan.queue) => {
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

    pub(super) fn bind(&mut self, exchange: &str, queue: usize, pattern: &str) -> Result<bool, String> {
        let is_new = self.exchanges.bind(exchange, pattern, queue)?;
        if is_new {
            let binding = (exchange.to_owned(), pattern.to_owned());
            self.queues[queue].bindings.push(binding);
        }
        Ok(is_new)
    }

    /// Removes a binding if it exists.
    pub(super) fn unbind(&mut self, binding: &BindingPlan) -> Result<(), String> {
        self.check_available()?;
        let Some(&queue) = self.queue_ids.get(binding.queue.as_str()) else {
            return Ok(());
        };
        let bindings = &mut self.queues[queue].bindings;
        let is_same = |known: &(String, String)| known.0 == binding.exchange && known.1 == binding.pattern;
        if let Some(at) = bindings.iter().position(is_same) {
            bindings.remove(at);
            self.exchanges.unbind(&binding.exchange, &binding.pattern, queue);
        }
        Ok(())
    }

    /// Schedules the next routing of unroutable dead letters, at the time when RabbitMQ would route them. Call this
    /// only after a new declaration. Without it the result is the same, and a virtual clock would never run out of
    /// timers.
    fn schedule_unroutable_retry(&mut self) {
        let now = self.clock.elapsed();
        for id in self.queues.ids() {
            let queue = &mut self.queues[id];
            if queue.unroutable.is_empty() || queue.retry_at.is_some() {
                continue;
            }
            let waited = now.saturating_sub(queue.unroutable_since);
            let rounds = u32::try_from(waited.as_nanos() / UNROUTABLE_RETRY_INTERVAL.as_nanos())
                .unwrap_or(u32::MAX - 1);
            queue.retry_at = Some(queue.unroutable_since + UNROUTABLE_RETRY_INTERVAL * (rounds + 1));
            self.schedule_expiry(id);
        }
    }
}
