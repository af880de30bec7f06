//! The description of an app, as data and as text: its handlers, its topology and the permissions that it needs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::event::descriptor::EventDescriptor;
use crate::handler::descriptor::HandlerDescriptor;
use crate::rungs::duration_text;
use crate::topology::Plan;

/// The description of a service: its handlers, its topology and the permissions that it needs.
///
/// [`App::describe`](crate::App::describe) makes one without a broker. The `Display` form is for people. The fields are
/// for tools, and serde writes them, with durations as in attributes: `"15s"`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The name of the service.
    pub service: String,
    /// The topic exchange that the service publishes to and receives from.
    pub exchange: String,
    /// The handlers, in the order of registration.
    pub handlers: Vec<HandlerDescription>,
    /// The queues and bindings that the app removes when it starts; see `App::retired`.
    pub retired: Vec<RetiredDescription>,
    /// Every exchange, queue and binding, including the delay queues that are declared at their first use.
    pub plan: Plan,
    /// The permissions that the user of the service needs on the broker.
    pub permissions: Permissions,
}

/// The description of one handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerDescription {
    /// The settings from its attribute.
    pub handler: HandlerDescriptor,
    /// The queue's full name, or `None` for an ephemeral handler, whose queue the broker names.
    pub queue: Option<String>,
    /// The binding patterns of its queue.
    pub patterns: Vec<&'static str>,
    /// The events that it receives, without the older versions that are upcast to them.
    pub takes: Vec<EventDescriptor>,
    /// The events that it can return.
    pub returns: Vec<EventDescriptor>,
    /// The delays between its attempts. The last delay repeats.
    pub rungs: Vec<Duration>,
}

impl Serialize for HandlerDescription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let handler = &self.handler;
        let rungs: Vec<String> = self.rungs.iter().map(|&rung| duration_text(rung)).collect();
        let mut to = serializer.serialize_struct("HandlerDescription", 18)?;
        to.serialize_field("name", handler.name())?;
        to.serialize_field("function", handler.function())?;
        to.serialize_field("description", &handler.description())?;
        to.serialize_field("queue", &self.queue)?;
        to.serialize_field("patterns", &self.patterns)?;
        to.serialize_field("takes", &self.takes)?;
        to.serialize_field("takes_any", &handler.takes_any())?;
        to.serialize_field("returns", &self.returns)?;
        to.serialize_field("attempts", &handler.attempts())?;
        to.serialize_field("rungs", &rungs)?;
        to.serialize_field("timeout", &duration_text(handler.timeout()))?;
        to.serialize_field("concurrency", &handler.concurrency())?;
        to.serialize_field("prefetch", &handler.prefetch())?;
        to.serialize_field("breaker", &handler.breaker())?;
        to.serialize_field("ordered", &handler.ordered())?;
        to.serialize_field("pauses_on_dead_letter", &handler.pauses_on_dead_letter())?;
        to.serialize_field("single_active", &handler.single_active())?;
        to.serialize_field("ephemeral", &handler.ephemeral())?;
        to.end()
    }
}

/// A queue or bindings that `App::retired` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetiredDescription {
    /// The queue's full name.
    pub queue: String,
    /// The binding patterns that are removed.
    pub patterns: Vec<String>,
    /// Whether the app moves the queue's messages to the orphans, because no handler consumes the queue any more.
    pub drained: bool,
}

/// The regular expressions for `rabbitmqctl set_permissions`
/// (<https://www.rabbitmq.com/docs/access-control#authorisation>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Permissions {
    /// The names that the user may declare.
    pub configure: String,
    /// The names that the user may publish to.
    pub write: String,
    /// The names that the user may consume and bind from.
    pub read: String,
}

impl Permissions {
    pub(crate) fn of(service: &str, exchange: &str, ephemeral: bool) -> Self {
        let (service, exchange) = (escaped(service), escaped(exchange));
        // A permission can name a server-named queue only by its prefix.
        let generated = if ephemeral { "|amq\\.gen.*" } else { "" };
        let all = format!("^({service}\\..*|{exchange}{generated})$");
        Self {
            configure: all.clone(),
            write: all.clone(),
            read: all,
        }
    }
}

fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, c| {
        if !c.is_ascii_alphanumeric() && c != '_' && c != '-' {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "service {} on exchange {}", self.service, self.exchange)?;
        for handler in &self.handlers {
            write!(f, "\n{handler}")?;
        }
        self.retired
            .iter()
            .try_for_each(|retired| write!(f, "\n{retired}"))?;
        writeln!(f, "\non the broker")?;
        for exchange in &self.plan.exchanges {
            write!(f, "  exchange {} ({})", exchange.name, exchange.kind)?;
            exchange
                .alternate
                .iter()
                .try_for_each(|alternate| write!(f, ", alternate exchange {alternate}"))?;
            writeln!(f)?;
        }
        for queue in &self.plan.queues {
            writeln!(f, "  queue {}", queue.name)?;
            queue
                .arguments
                .iter()
                .try_for_each(|(name, value)| writeln!(f, "    {name} = {value}"))?;
        }
        for binding in &self.plan.bindings {
            writeln!(
                f,
                "  binding {} -> {} by \"{}\"",
                binding.exchange, binding.queue, binding.pattern
            )?;
        }
        let Permissions {
            configure,
            write,
            read,
        } = &self.permissions;
        writeln!(
            f,
            "\npermissions\n  configure {configure}\n  write     {write}\n  read      {read}"
        )
    }
}

impl fmt::Display for HandlerDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handler = &self.handler;
        writeln!(f, "handler {} ({})", handler.name(), handler.function())?;
        handler
            .description()
            .iter()
            .try_for_each(|text| writeln!(f, "  {}", text.replace('\n', "\n  ")))?;
        writeln!(
            f,
            "  queue    {}",
            self.queue
                .as_deref()
                .unwrap_or("one for each instance, named by the broker")
        )?;
        writeln!(f, "  patterns {}", self.patterns.join(", "))?;
        let any = handler.takes_any().then_some("and any other");
        writeln!(f, "  takes    {}", names(&self.takes, any))?;
        writeln!(f, "  returns  {}", names(&self.returns, None))?;
        let rungs: Vec<String> = self.rungs.iter().map(|&rung| duration_text(rung)).collect();
        writeln!(f, "  attempts {}, after {}", handler.attempts(), rungs.join(", "))?;
        writeln!(
            f,
            "  timeout {:?}, concurrency {}, prefetch {}{}{}{}",
            handler.timeout(),
            handler.concurrency(),
            handler.prefetch(),
            if handler.ordered() {
                ", ordered by aggregate"
            } else {
                ""
            },
            if handler.single_active() {
                ", one active instance"
            } else {
                ""
            },
            if handler.ephemeral() { ", ephemeral" } else { "" },
        )
    }
}

impl fmt::Display for RetiredDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drained = if self.drained {
            ", drained to the orphans"
        } else {
            ""
        };
        let (queue, patterns) = (&self.queue, self.patterns.join(", "));
        writeln!(f, "retired {queue}, unbound from {patterns}{drained}")
    }
}

fn names(events: &[EventDescriptor], more: Option<&str>) -> String {
    let names: Vec<String> = events
        .iter()
        .map(|event| {
            let deprecated = if event.deprecated().is_some() {
                ", deprecated"
            } else {
                ""
            };
            format!("{} (v{}{deprecated})", event.event_type(), event.version())
        })
        .chain(more.map(str::to_owned))
        .collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}
