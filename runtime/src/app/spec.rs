//! The specification of an app, and the queues, the topology and the description that follow from it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::app::describe::{Description, HandlerDescription, Permissions, RetiredDescription};
use crate::app::retired::Retired;
use crate::consume::bound_handler::{BoundHandler, HandlerCall};
use crate::consume::middleware::Middleware;
use crate::handler::descriptor::HandlerDescriptor;
use crate::retry;
use crate::topology::{Names, Plan};

/// The settings of the builder, without the type of the app's state.
pub(crate) struct AppSpec {
    pub(crate) service: String,
    pub(crate) handlers: Vec<RegisteredHandler>,
    pub(crate) retired: Vec<Retired>,
    /// Middleware of all handlers, outermost first.
    pub(crate) middleware: Vec<Middleware>,
    /// Middleware of single handlers, with the handler's name.
    pub(crate) handler_middleware: Vec<(String, Middleware)>,
    pub(crate) shutdown_timeout: Duration,
}

/// A handler together with the app's state.
pub(crate) struct RegisteredHandler {
    pub(crate) descriptor: HandlerDescriptor,
    pub(crate) call: HandlerCall,
}

impl AppSpec {
    /// The queues and their handlers, in the order of registration.
    pub(crate) fn queues(&self) -> Vec<(&'static str, Vec<&RegisteredHandler>)> {
        let mut queues: Vec<(&'static str, Vec<&RegisteredHandler>)> = Vec::new();
        for handler in &self.handlers {
            let name = handler.descriptor.queue();
            match queues.iter_mut().find(|(known, _)| *known == name) {
                Some((_, handlers)) => handlers.push(handler),
                None => queues.push((name, vec![handler])),
            }
        }
        queues
    }

    /// Combines a handler with its middleware: that of all handlers first, then its own.
    pub(crate) fn bind(&self, handler: &RegisteredHandler, speed_up: u32) -> BoundHandler {
        let name = handler.descriptor.name();
        let own = self
            .handler_middleware
            .iter()
            .filter(|(handler, _)| handler == name)
            .map(|(_, middleware)| middleware);
        let middleware: Arc<[Middleware]> = self.middleware.iter().chain(own).cloned().collect();
        BoundHandler::new(
            handler.descriptor,
            Arc::clone(&handler.call),
            middleware,
            speed_up,
        )
    }

    /// The topology that the service needs to start. It has no delay queues: each is declared when a retry first needs
    /// it, and most handlers never need one.
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

    /// The topology with a delay queue for each rung of each handler.
    pub(crate) fn full_plan(&self, exchange: &str, speed_up: u32) -> Plan {
        let names = Names::of(&self.service);
        let mut plan = self.plan(exchange);
        for RegisteredHandler { descriptor, .. } in &self.handlers {
            // Retries of ephemeral and ordered handlers wait in memory.
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
        let plan = self.full_plan(exchange, speed_up);
        let describe = |RegisteredHandler { descriptor, .. }: &RegisteredHandler| HandlerDescription {
            handler: *descriptor,
            queue: (!descriptor.ephemeral()).then(|| names.queue(descriptor.queue())),
            patterns: descriptor.patterns(),
            takes: descriptor.takes().iter().copied().collect(),
            returns: descriptor.returns().iter().copied().collect(),
            rungs: scaled_rungs(descriptor, speed_up),
        };
        let ephemeral = self.handlers.iter().any(|handler| handler.descriptor.ephemeral());
        Description {
            permissions: Permissions::of(&self.service, exchange, ephemeral),
            service: self.service.clone(),
            exchange: exchange.to_owned(),
            handlers: self.handlers.iter().map(describe).collect(),
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

    /// Whether the retired queue has no handler any more, so that the app drains it. A queue that still has a handler
    /// only loses bindings.
    pub(crate) fn is_drained(&self, retired: &Retired) -> bool {
        !self
            .handlers
            .iter()
            .any(|handler| handler.descriptor.queue() == retired.queue)
    }
}

pub(crate) fn patterns_of(handlers: &[&RegisteredHandler]) -> Vec<&'static str> {
    let patterns: BTreeSet<&'static str> = handlers
        .iter()
        .flat_map(|handler| handler.descriptor.patterns())
        .collect();
    patterns.into_iter().collect()
}

fn scaled_rungs(handler: &HandlerDescriptor, speed_up: u32) -> Vec<Duration> {
    handler
        .rungs()
        .iter()
        .map(|&rung| retry::scaled(rung, speed_up))
        .collect()
}
