//! What an app is, as data and as text: what each handler takes and returns, and what it needs on the broker.

use std::fmt;
use std::time::Duration;

use crate::event::descriptor::EventDescriptor;
use crate::handler::HandlerDescriptor;
use crate::topology::Plan;

/// A service as its handlers make it, without a broker at hand.
///
/// Its `Display` is a page for people; the fields are for tools.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Description {
    /// The service's name.
    pub service: String,
    /// The topic exchange its events come from and go to.
    pub exchange: String,
    /// Its handlers, in the order they were registered.
    pub handlers: Vec<HandlerDescription>,
    /// What it had on the broker once, and gives up when it starts.
    pub retired: Vec<RetiredDescription>,
    /// Every exchange, queue and binding, the delay queues that come with their first use included.
    pub plan: Plan,
    /// What its user must be allowed to do on the broker.
    pub permissions: Permissions,
}

/// A handler as its attribute makes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerDescription {
    /// What the attribute says.
    pub handler: HandlerDescriptor,
    /// The queue, with the service's name; of an ephemeral handler, the name is the broker's.
    pub queue: Option<String>,
    /// The patterns its queue is bound by.
    pub patterns: Vec<&'static str>,
    /// The events it takes, without the older versions that they are upcast from.
    pub takes: Vec<EventDescriptor>,
    /// The events it can return.
    pub returns: Vec<EventDescriptor>,
    /// The delays between its attempts; the last one repeats.
    pub rungs: Vec<Duration>,
}

/// What `App::retired` names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetiredDescription {
    /// The queue, with the service's name.
    pub queue: String,
    /// The patterns that it is unbound from.
    pub patterns: Vec<String>,
    /// Whether what it holds goes to the orphans: no handler takes from it any more.
    pub drained: bool,
}

/// The patterns for `rabbitmqctl set_permissions`
/// (<https://www.rabbitmq.com/docs/access-control#authorisation>).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permissions {
    /// What may be declared.
    pub configure: String,
    /// What may be published to.
    pub write: String,
    /// What may be consumed and bound from.
    pub read: String,
}

impl Permissions {
    pub(crate) fn of(service: &str, exchange: &str, ephemeral: bool) -> Self {
        let (service, exchange) = (escaped(service), escaped(exchange));
        // A server-named queue can be granted by its prefix alone.
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
                .try_for_each(|it| write!(f, ", what it cannot route goes to {it}"))?;
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
                .unwrap_or("one an instance, named by the broker")
        )?;
        writeln!(f, "  patterns {}", self.patterns.join(", "))?;
        let any = if handler.takes_any() {
            ["and any other"].as_slice()
        } else {
            &[]
        };
        writeln!(f, "  takes    {}", names(&self.takes, any))?;
        writeln!(f, "  returns  {}", names(&self.returns, &[]))?;
        let rungs: Vec<String> = self
            .rungs
            .iter()
            .map(|&rung| crate::topology::rung_name(rung))
            .collect();
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

fn names(events: &[EventDescriptor], more: &[&str]) -> String {
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
        .chain(more.iter().map(|&text| text.to_owned()))
        .collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}
