//! The topology of a service as data: the exchanges, queues and bindings that it needs on the broker.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::rungs::duration_text;

use serde::Serialize;

/// The topology of a service: everything that it needs on the broker.
///
/// [`App::describe`](crate::App::describe) returns it, and serde writes it, for example as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The exchanges to declare.
    pub exchanges: Vec<ExchangePlan>,
    /// The queues to declare.
    pub queues: Vec<QueuePlan>,
    /// The bindings between them.
    pub bindings: Vec<BindingPlan>,
}

/// A durable exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExchangePlan {
    /// The name of the exchange.
    pub name: String,
    /// How the exchange routes.
    pub kind: ExchangeKind,
    /// The exchange that receives the messages that this exchange cannot route (`alternate-exchange`).
    pub alternate: Option<String>,
}

impl ExchangePlan {
    /// Whether other services use the exchange, too. It is taken as it is, if it is a durable topic exchange.
    #[cfg(feature = "runtime")]
    pub(crate) fn is_shared(&self) -> bool {
        self.kind == ExchangeKind::Topic
    }
}

/// The type of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ExchangeKind {
    /// Routes by pattern: `*` is one word, `#` any number of words.
    Topic,
    /// Routes to the queues whose binding key equals the routing key.
    Direct,
    /// Routes to all bound queues.
    Fanout,
}

/// A durable quorum queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueuePlan {
    /// The name of the queue.
    pub name: String,
    /// The arguments of the queue. RabbitMQ cannot change the arguments of an existing queue.
    pub arguments: BTreeMap<&'static str, Argument>,
}

/// The value of a queue's argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Argument {
    /// An integer.
    Number(i64),
    /// A string.
    Text(String),
    /// A boolean.
    Flag(bool),
}

/// A binding of a queue to an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BindingPlan {
    /// The name of the exchange.
    pub exchange: String,
    /// The name of the queue.
    pub queue: String,
    /// The binding key; for a topic exchange, a pattern.
    pub pattern: String,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

impl fmt::Display for ExchangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::Direct => "direct",
            Self::Fanout => "fanout",
        })
    }
}

/// The names of a service's queues and exchanges. All start with the name of the service.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    service: String,
}

impl Names {
    pub(crate) fn of(service: &str) -> Self {
        Self {
            service: service.to_owned(),
        }
    }

    pub(crate) fn queue(&self, handler: &str) -> String {
        format!("{}.{handler}", self.service)
    }

    pub(crate) fn dead_letters(queue: &str) -> String {
        format!("{queue}.dlq")
    }

    pub(crate) fn is_dead_letters(queue: &str) -> bool {
        queue.strip_suffix(".dlq").is_some()
    }

    /// The exchange that routes retries to their delay queues.
    pub(crate) fn delays(&self) -> String {
        format!("{}.delay", self.service)
    }

    /// The queue in which the retries of `queue` wait for `delay`.
    pub(crate) fn delay(queue: &str, delay: Duration) -> String {
        format!("{queue}.delay.{}", duration_text(delay))
    }

    /// Whether this is the name of a delay queue, with or without the name of the service in front.
    pub(crate) fn is_delay(queue: &str) -> bool {
        queue.starts_with("delay.") || queue.contains(".delay.")
    }

    /// The longest name that is built from the name of a queue: a delay queue with a delay in milliseconds.
    pub(crate) fn longest(queue: &str) -> String {
        Self::delay(queue, Duration::from_millis(3_599_999))
    }

    /// The exchange that routes retries back to their queue.
    pub(crate) fn returns(&self) -> String {
        format!("{}.return", self.service)
    }

    /// The exchange that routes dead letters. The service has its own because the permission to write to the default
    /// exchange would open every queue of every service.
    pub(crate) fn dead(&self) -> String {
        format!("{}.dead", self.service)
    }

    pub(crate) fn orphans(&self) -> String {
        format!("{}.orphans", self.service)
    }
}

impl Plan {
    /// The exchange that all services share.
    pub(crate) fn domain_exchange(name: &str) -> Self {
        let exchange = ExchangePlan {
            name: name.to_owned(),
            kind: ExchangeKind::Topic,
            alternate: None,
        };
        Self {
            exchanges: vec![exchange],
            ..Self::default()
        }
    }

    /// The orphans queue, and the exchanges for retries, delays and dead letters.
    pub(crate) fn service(names: &Names) -> Self {
        let (returns, dead, orphans) = (names.returns(), names.dead(), names.orphans());
        Self {
            exchanges: vec![
                ExchangePlan {
                    name: orphans.clone(),
                    kind: ExchangeKind::Fanout,
                    alternate: None,
                },
                ExchangePlan {
                    name: returns,
                    kind: ExchangeKind::Direct,
                    alternate: Some(orphans.clone()),
                },
                direct(dead),
                direct(names.delays()),
            ],
            queues: vec![QueuePlan {
                name: orphans.clone(),
                arguments: storage_arguments(),
            }],
            bindings: vec![bind(&orphans, &orphans, "")],
        }
    }

    /// A handler's queue with its dead-letter queue and its bindings.
    pub(crate) fn queue(
        names: &Names,
        domain: &str,
        queue: &str,
        patterns: &[&str],
        single_active: bool,
    ) -> Self {
        let dead_letters = Names::dead_letters(queue);
        let mut arguments = dead_lettering(names.dead(), &dead_letters);
        arguments.insert("x-delivery-limit", Argument::Number(DELIVERY_LIMIT));
        if single_active {
            arguments.insert("x-single-active-consumer", Argument::Flag(true));
        }
        let mut bindings = vec![
            bind(&names.dead(), &dead_letters, &dead_letters),
            bind(&names.returns(), queue, queue),
        ];
        bindings.extend(patterns.iter().map(|pattern| bind(domain, queue, pattern)));
        Self {
            exchanges: Vec::new(),
            queues: vec![
                QueuePlan {
                    name: dead_letters,
                    arguments: storage_arguments(),
                },
                QueuePlan {
                    name: queue.to_owned(),
                    arguments,
                },
            ],
            bindings,
        }
    }

    /// The delay queue of `queue` for one delay. Its expired messages return to `queue` through the return exchange.
    ///
    /// Each queue has delay queues of its own. RabbitMQ's dead-letter worker stops for three minutes after 32 messages
    /// were refused by their target queue. In a shared delay queue, one full target would block the retries of others.
    pub(crate) fn delay(names: &Names, queue: &str, delay: Duration) -> Self {
        let (name, delays) = (Names::delay(queue, delay), names.delays());
        let mut arguments = dead_lettering(names.returns(), queue);
        let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        arguments.insert("x-message-ttl", Argument::Number(millis));
        Self {
            bindings: vec![bind(&delays, &name, &name)],
            exchanges: vec![direct(delays)],
            queues: vec![QueuePlan { name, arguments }],
        }
    }

    /// The part of the plan for one queue: the queue, its dead-letter queue, their bindings, and all exchanges.
    pub(crate) fn of_queue(&self, queue: &str) -> Self {
        let dead_letters = Names::dead_letters(queue);
        let belongs = |name: &str| name == queue || name == dead_letters;
        Self {
            exchanges: self.exchanges.clone(),
            queues: self
                .queues
                .iter()
                .filter(|plan| belongs(&plan.name))
                .cloned()
                .collect(),
            bindings: self
                .bindings
                .iter()
                .filter(|plan| belongs(&plan.queue))
                .cloned()
                .collect(),
        }
    }

    /// The exchanges and bindings, without the queues.
    #[cfg(feature = "rabbitmq")]
    pub(crate) fn routes(&self) -> Self {
        Self {
            exchanges: self.exchanges.clone(),
            queues: Vec::new(),
            bindings: self.bindings.clone(),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        fn add<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
            for one in more {
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        add(&mut self.exchanges, other.exchanges);
        add(&mut self.queues, other.queues);
        add(&mut self.bindings, other.bindings);
    }
}

/// The last guard against deliveries that crash their consumer. The runtime's own guard acts much earlier.
const DELIVERY_LIMIT: i64 = 50;

/// The arguments of a queue that keeps its messages until a person removes them.
///
/// RabbitMQ 4 limits every quorum queue to 20 deliveries per message. A queue without a dead-letter exchange drops the
/// message then, so a redrive that fails 21 times would lose it. RabbitMQ 3.10 documents no value for "unlimited", so
/// this sets a limit that nobody reaches.
fn storage_arguments() -> BTreeMap<&'static str, Argument> {
    let mut arguments = quorum();
    arguments.insert("x-delivery-limit", Argument::Number(1_000_000_000));
    arguments
}

/// The arguments of a queue whose dead letters go to `exchange` at least once.
fn dead_lettering(exchange: String, routing_key: &str) -> BTreeMap<&'static str, Argument> {
    let mut arguments = quorum();
    arguments.insert("x-dead-letter-exchange", Argument::Text(exchange));
    arguments.insert(
        "x-dead-letter-routing-key",
        Argument::Text(routing_key.to_owned()),
    );
    arguments.insert(
        "x-dead-letter-strategy",
        Argument::Text("at-least-once".to_owned()),
    );
    arguments.insert("x-overflow", Argument::Text("reject-publish".to_owned()));
    arguments
}

fn quorum() -> BTreeMap<&'static str, Argument> {
    BTreeMap::from([("x-queue-type", Argument::Text("quorum".to_owned()))])
}

fn direct(name: String) -> ExchangePlan {
    ExchangePlan {
        name,
        kind: ExchangeKind::Direct,
        alternate: None,
    }
}

fn bind(exchange: &str, queue: &str, pattern: &str) -> BindingPlan {
    BindingPlan {
        exchange: exchange.to_owned(),
        queue: queue.to_owned(),
        pattern: pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(plan: &Plan, queue: &str) -> Vec<String> {
        let queue = plan.queues.iter().find(|plan| plan.name == queue);
        let arguments = &queue.expect("the plan has the queue").arguments;
        arguments
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    fn queue(single_active: bool) -> Plan {
        let names = Names::of("shop");
        Plan::queue(&names, "domain_events", "shop.ship", &["order.*"], single_active)
    }

    /// A queue's arguments cannot change. A release with other arguments would fail to start on every existing broker.
    #[test]
    fn the_arguments_of_a_handlers_queue_never_change() {
        let frozen = [
            "x-dead-letter-exchange=shop.dead",
            "x-dead-letter-routing-key=shop.ship.dlq",
            "x-dead-letter-strategy=at-least-once",
            "x-delivery-limit=50",
            "x-overflow=reject-publish",
            "x-queue-type=quorum",
        ];
        assert_eq!(arguments(&queue(false), "shop.ship"), frozen);
        let single = arguments(&queue(true), "shop.ship");
        assert_eq!(single[..5], frozen[..5]);
        assert_eq!(
            single[5..],
            ["x-queue-type=quorum", "x-single-active-consumer=true"]
        );
    }

    #[test]
    fn dead_letters_and_orphans_have_no_delivery_limit_in_practice() {
        let arguments_for_storage = ["x-delivery-limit=1000000000", "x-queue-type=quorum"];
        assert_eq!(arguments(&queue(false), "shop.ship.dlq"), arguments_for_storage);
        assert_eq!(
            arguments(&Plan::service(&Names::of("shop")), "shop.orphans"),
            arguments_for_storage
        );
    }

    #[test]
    fn a_delay_queue_returns_messages_at_least_once_through_the_return_exchange() {
        let plan = Plan::delay(&Names::of("shop"), "shop.ship", Duration::from_secs(5));
        assert_eq!(
            arguments(&plan, "shop.ship.delay.5s"),
            [
                "x-dead-letter-exchange=shop.return",
                "x-dead-letter-routing-key=shop.ship",
                "x-dead-letter-strategy=at-least-once",
                "x-message-ttl=5000",
                "x-overflow=reject-publish",
                "x-queue-type=quorum",
            ]
        );
    }
}
