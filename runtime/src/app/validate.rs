//! Validation of an app: finds every fault before anything is declared.

use std::collections::BTreeMap;

use crate::app::retired::Retired;
use crate::app::spec::{AppSpec, RegisteredHandler, patterns_of};
use crate::error::{Result, StartError};
use crate::event::descriptor::EventDescriptor;
use crate::handler::descriptor::HandlerDescriptor;
use crate::handler::proofs::overlap::overlap;
use crate::message::topic;
use crate::topology::Names;

impl AppSpec {
    pub(crate) fn validate(&self) -> Result<()> {
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
                "`{}` is not a service name; write letters, digits, `-` and `_`, such as \"payments\"",
                self.service
            ));
        }
        self.name_faults(&mut faults);
        self.type_faults(&mut faults);
        self.queue_faults(&mut faults);
        self.retired_faults(&mut faults);
        for (name, _) in &self.handler_middleware {
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
        for RegisteredHandler { descriptor, .. } in &self.handlers {
            if let Some(other) = known.insert(descriptor.name(), descriptor.function()) {
                faults.push(format!(
                    "two handlers are named `{}`: `{other}` and `{}`; give one a `name`",
                    descriptor.name(),
                    descriptor.function()
                ));
            }
        }
    }

    /// An event type and version must be one Rust type in the whole app. `handlers![..]` proves it for a single list at
    /// compile time.
    fn type_faults(&self, faults: &mut Vec<String>) {
        let mut known: BTreeMap<(&str, u32), &str> = BTreeMap::new();
        for RegisteredHandler { descriptor, .. } in &self.handlers {
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
                    "retired queue `{queue}` has no patterns; write its former patterns, as in \
                     `.retired(\"{queue}\", [\"order.created\"])`"
                ));
            }
            let is_reserved = queue == "orphans" || Names::is_delay(queue) || Names::is_dead_letters(queue);
            if is_reserved || queue.is_empty() {
                faults.push(format!(
                    "`{queue}` is not the queue of a handler and cannot be retired; write the handler's name, or its \
                     `queue`, without the service's name"
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
                    "the name of queue `{full_name}` is too long: those of its delay queues have up to {longest} \
                     bytes, and the limit is {}",
                    topic::MAX_BYTES
                ));
            }
        }
    }
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

/// A service name has letters, digits, `-` and `_`. With a dot, the names of one service could start with the name of
/// another.
fn is_service_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
