//! The parts of an app, whatever its state: checked, laid out as queues, and described.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::app::describe::{Description, HandlerDescription, Permissions, RetiredDescription};
use crate::app::retired::Retired;
use crate::consume::bound_handler::{BoundHandler, HandlerCall};
use crate::consume::middleware::Middleware;
use crate::error::{Result, StartError};
use crate::event::descriptor::EventDescriptor;
use crate::handler::HandlerDescriptor;
use crate::message::topic;
use crate::retry;
use crate::topology::{Names, Plan};

/// What an app is made of, whatever its state.
pub(crate) struct Parts {
    pub(crate) service: String,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) retired: Vec<Retired>,
    pub(crate) around: Vec<Middleware>,
    pub(crate) around_one: Vec<(String, Middleware)>,
    pub(crate) shutdown_timeout: Duration,
}

/// A registered handler, its state inside.
pub(crate) struct Handler {
    pub(crate) descriptor: HandlerDescriptor,
    pub(crate) call: HandlerCall,
}

impl Parts {
    /// The queues, and the handlers of each, in the order they were registered.
    pub(crate) fn queues(&self) -> Vec<(&'static str, Vec<&Handler>)> {
        let mut queues: Vec<(&'static str, Vec<&Handler>)> = Vec::new();
        for handler in &self.handlers {
            let name = handler.descriptor.queue();
            match queues.iter_mut().find(|(known, _)| *known == name) {
                Some((_, handlers)) => handlers.push(handler),
                None => queues.push((name, vec![handler])),
            }
        }
        queues
    }

    pub(crate) fn worker(&self, handler: &Handler, speed_up: u32) -> BoundHandler {
        let name = handler.descriptor.name();
        let own = self
            .around_one
            .iter()
            .filter(|(wanted, _)| wanted == name)
            .map(|(_, around)| around);
        let around: Arc<[Middleware]> = self.around.iter().chain(own).cloned().collect();
        BoundHandler::new(handler.descriptor, Arc::clone(&handler.call), around, speed_up)
    }

    /// All that the service needs on the broker to start. The queues of its retry delays are made when a retry first
    /// needs one: most handlers never do.
    pub(crate) fn plan(&self, exchange: &str) -> Plan {
        let names = Names::of(&self.service);
        let mut plan = Plan::domain_exchange(exchange);
        if !self.retired.is_empty()
            || self
                .handlers
                .iter()
                .any(|handler| !handler.descriptor.ephemeral())
        {
            plan.merge(Plan::service(&names));
        }
        for (queue, handlers) in self.queues() {
            if handlers.iter().any(|handler| handler.descriptor.ephemeral()) {
                continue;
            }
            let single_active = handlers.iter().any(|handler| handler.descriptor.single_active());
            let patterns = patterns_of(&handlers);
            plan.merge(Plan::queue(
                &names,
                exchange,
                &names.queue(queue),
                &patterns,
                single_active,
            ));
        }
        plan
    }

    /// All that the service may come to need on the broker: with the delays of its handlers.
    pub(crate) fn whole_plan(&self, exchange: &str, speed_up: u32) -> Plan {
        let names = Names::of(&self.service);
        let mut plan = self.plan(exchange);
        for Handler { descriptor, .. } in &self.handlers {
            // The retries of these wait in place.
            if !descriptor.ephemeral() && !descriptor.ordered() {
                let queue = names.queue(descriptor.queue());
                let rungs = scaled_rungs(descriptor, speed_up);
                rungs
                    .into_iter()
                    .for_each(|rung| plan.merge(Plan::delay(&names, &queue, rung)));
            }
        }
        plan
    }

    pub(crate) fn describe(&self, exchange: &str, speed_up: u32) -> Description {
        let names = Names::of(&self.service);
        let plan = self.whole_plan(exchange, speed_up);
        let mut handlers = Vec::new();
        for Handler { descriptor, .. } in &self.handlers {
            let rungs = scaled_rungs(descriptor, speed_up);
            handlers.push(HandlerDescription {
                handler: *descriptor,
                queue: (!descriptor.ephemeral()).then(|| names.queue(descriptor.queue())),
                patterns: descriptor.patterns(),
                takes: descriptor.takes().iter().copied().collect(),
                returns: descriptor.returns().iter().copied().collect(),
                rungs,
            });
        }
        let ephemeral = self.handlers.iter().any(|handler| handler.descriptor.ephemeral());
        Description {
            permissions: Permissions::of(&self.service, exchange, ephemeral),
            service: self.service.clone(),
            exchange: exchange.to_owned(),
            handlers,
            retired: self
                .retired
                .iter()
                .map(|retired| RetiredDescription {
                    queue: names.queue(&retired.queue),
                    patterns: retired.patterns.clone(),
                    drained: self.is_drained(retired),
                })
                .collect(),
            plan,
        }
    }

    /// Whether no handler takes from the queue any more: it is drained. Otherwise it only loses patterns.
    pub(crate) fn is_drained(&self, retired: &Retired) -> bool {
        !self
            .handlers
            .iter()
            .any(|handler| handler.descriptor.queue() == retired.queue)
    }

    /// # Errors
    /// With everything that is wrong with the app, found before anything is done.
    pub(crate) fn checked(&self) -> Result<()> {
        let faults = self.faults();
        if faults.is_empty() {
            return Ok(());
        }
        Err(StartError {
            service: self.service.clone(),
            faults,
        }
        .into())
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !is_service_name(&self.service) {
            faults.push(format!(
                "`{}` is no service name; write letters, digits, `-` and `_`, such as \"payments\"",
                self.service
            ));
        }
        if self.handlers.is_empty() && self.retired.is_empty() {
            faults.push("it has no handlers; write `.handlers(handlers![..])`".to_owned());
        }
        self.name_faults(&mut faults);
        self.type_faults(&mut faults);
        self.queue_faults(&mut faults);
        self.retired_faults(&mut faults);
        for (name, _) in &self.around_one {
            if !self
                .handlers
                .iter()
                .any(|handler| handler.descriptor.name() == name)
            {
                faults.push(format!("there is no handler `{name}` to run a middleware around"));
            }
        }
        faults
    }

    fn name_faults(&self, faults: &mut Vec<String>) {
        let mut known: BTreeMap<&str, &str> = BTreeMap::new();
        for Handler { descriptor, .. } in &self.handlers {
            if let Some(other) = known.insert(descriptor.name(), descriptor.function()) {
                faults.push(format!(
                    "two handlers are named `{}`: `{other}` and `{}`; give one a `name`",
                    descriptor.name(),
                    descriptor.function()
                ));
            }
        }
    }

    /// One event type and version is one Rust type, in all lists together: each list proves it for itself.
    fn type_faults(&self, faults: &mut Vec<String>) {
        let mut known: BTreeMap<(&str, u32), &str> = BTreeMap::new();
        for Handler { descriptor, .. } in &self.handlers {
            let (takes, returns) = (descriptor.takes(), descriptor.returns());
            for event in takes
                .iter()
                .chain(returns.iter())
                .flat_map(EventDescriptor::versions)
            {
                let name = (event.event_type(), event.version());
                let other = *known.entry(name).or_insert(event.rust_type());
                if other != event.rust_type() {
                    let rust_type = event.rust_type();
                    faults.push(format!(
                        "two events are named \"{}\" in version {}: `{other}` and `{rust_type}`",
                        name.0, name.1
                    ));
                }
            }
        }
    }

    fn retired_faults(&self, faults: &mut Vec<String>) {
        let queues = self.queues();
        for Retired { queue, patterns } in &self.retired {
            if patterns.is_empty() {
                faults.push(format!(
                    "retired queue `{queue}` names no patterns; write those it was bound by, as in \
                     `.retired(\"{queue}\", [\"order.created\"])`"
                ));
            }
            let is_ours =
                queue == "orphans" || Names::is_delay(queue) || queue.strip_suffix(".dlq").is_some();
            if is_ours || queue.is_empty() {
                faults.push(format!(
                    "`{queue}` is no handler's queue and cannot be retired; write the handler's name, or its `queue`, \
                     without the service's name"
                ));
            }
            let Some((_, handlers)) = queues.iter().find(|(known, _)| known == queue) else {
                continue;
            };
            for pattern in patterns_of(handlers) {
                if patterns.iter().any(|retired| retired == pattern) {
                    faults.push(format!(
                        "pattern \"{pattern}\" of queue `{queue}` is retired, and handler `{}` still has it",
                        handlers[0].descriptor.name()
                    ));
                }
            }
        }
    }

    fn queue_faults(&self, faults: &mut Vec<String>) {
        for (queue, handlers) in self.queues() {
            for (at, one) in handlers.iter().enumerate() {
                for other in &handlers[at + 1..] {
                    shared_queue_faults(queue, &one.descriptor, &other.descriptor, faults);
                }
            }
            let full_name = Names::of(&self.service).queue(queue);
            let longest = Names::longest(&full_name).len();
            if longest > topic::MAX_BYTES {
                faults.push(format!(
                    "queue `{full_name}` has too long a name: its delays' have up to {longest} bytes, and {} is the \
                     most",
                    topic::MAX_BYTES
                ));
            }
        }
    }
}

fn scaled_rungs(handler: &HandlerDescriptor, speed_up: u32) -> Vec<Duration> {
    handler
        .rungs()
        .iter()
        .map(|&rung| retry::scaled(rung, speed_up))
        .collect()
}

fn shared_queue_faults(
    queue: &str,
    one: &HandlerDescriptor,
    other: &HandlerDescriptor,
    faults: &mut Vec<String>,
) {
    let both = format!("`{}` and `{}`", one.name(), other.name());
    if one.ephemeral() || other.ephemeral() {
        faults.push(format!(
            "{both} share queue `{queue}`, and an ephemeral handler cannot share one"
        ));
    }
    if one.single_active() != other.single_active() {
        faults.push(format!(
            "{both} share queue `{queue}`; write `single_active` on both or on neither"
        ));
    }
    if let Some(event) = overlap(one, other) {
        faults.push(format!(
            "{both} both take \"{event}\" from queue `{queue}`; give one its own queue"
        ));
    }
}

/// An event, or a key, that both handlers take.
fn overlap(one: &HandlerDescriptor, other: &HandlerDescriptor) -> Option<String> {
    let types: BTreeSet<&str> = one.takes().iter().map(EventDescriptor::event_type).collect();
    if let Some(event) = other
        .takes()
        .iter()
        .find(|event| types.contains(event.event_type()))
    {
        return Some(event.event_type().to_owned());
    }
    if one.takes_any() && other.takes_any() {
        let others = other.patterns();
        return one
            .patterns()
            .into_iter()
            .find(|pattern| others.iter().any(|other| topic::overlap(pattern, other)))
            .map(str::to_owned);
    }
    None
}

pub(crate) fn patterns_of(handlers: &[&Handler]) -> Vec<&'static str> {
    let patterns: BTreeSet<&'static str> = handlers
        .iter()
        .flat_map(|handler| handler.descriptor.patterns())
        .collect();
    patterns.into_iter().collect()
}

/// Letters, digits, `-` and `_`: a dot would let one service's names start with another's.
fn is_service_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
