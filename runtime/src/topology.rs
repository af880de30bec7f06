//! The topology of a service as data: which exchanges, queues and bindings there are to be. Declaring is the broker's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Everything that a service has on the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The exchanges.
    pub exchanges: Vec<ExchangePlan>,
    /// The queues.
    pub queues: Vec<QueuePlan>,
    /// The bindings.
    pub bindings: Vec<BindingPlan>,
}

/// An exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExchangePlan {
    /// Its name.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Where it sends what it cannot route.
    pub alternate: Option<String>,
}

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ExchangeKind {
    /// By pattern.
    Topic,
    /// By equality.
    Direct,
    /// To all.
    Fanout,
}

/// A durable quorum queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueuePlan {
    /// Its name.
    pub name: String,
    /// Its arguments. They cannot be changed once the queue is there.
    pub arguments: BTreeMap<&'static str, Argument>,
}

/// The value of a queue's argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Argument {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// A binding of a queue to an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BindingPlan {
    /// The exchange.
    pub exchange: String,
    /// The queue.
    pub queue: String,
    /// The key or pattern.
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

/// The names of what a service has on the broker, all but `domain_events` under its own name.
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

    /// Whether a queue of this name holds dead letters.
    #[cfg(feature = "testing")]
    pub(crate) fn is_dead_letters(queue: &str) -> bool {
        queue.strip_suffix(".dlq").is_some()
    }

    /// The exchange through which deliveries go to wait.
    pub(crate) fn delays(&self) -> String {
        format!("{}.delay", self.service)
    }

    /// The queue in which the deliveries of one queue wait for so long.
    pub(crate) fn delay(queue: &str, delay: Duration) -> String {
        format!("{queue}.delay.{}", rung_name(delay))
    }

    /// Whether a queue of this name, with or without its service's, is a delay's. `delay.5s` is as well: the services'
    /// names come before it.
    pub(crate) fn is_delay(queue: &str) -> bool {
        queue.starts_with("delay.") || queue.contains(".delay.")
    }

    /// The longest name under that of a queue: of a delay, where the rungs are scaled down.
    pub(crate) fn longest(queue: &str) -> String {
        Self::delay(queue, Duration::from_millis(3_599_999))
    }

    /// The exchange through which retries come back.
    pub(crate) fn returns(&self) -> String {
        format!("{}.return", self.service)
    }

    /// The exchange through which dead letters go. One of the service's own, and not the default exchange: writing
    /// to that one takes a permission that reaches every queue of every service.
    pub(crate) fn dead(&self) -> String {
        format!("{}.dead", self.service)
    }

    pub(crate) fn orphans(&self) -> String {
        format!("{}.orphans", self.service)
    }
}

/// `1s`, `5m`, `1h`, or `50ms` where the rungs are scaled down.
pub(crate) fn rung_name(delay: Duration) -> String {
    let millis = delay.as_millis();
    match millis {
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

impl Plan {
    /// The one exchange that services share.
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

    /// The return exchange with its orphans, and the exchanges of the delays and of the dead letters.
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
                arguments: kept(),
            }],
            bindings: vec![bind(&orphans, &orphans, "")],
        }
    }

    /// A handler's queue, its dead letters and its bindings.
    pub(crate) fn queue(
        names: &Names,
        domain: &str,
        queue: &str,
        patterns: &[&str],
        single_active: bool,
    ) -> Self {
        let dead_letters = Names::dead_letters(queue);
        let mut arguments = quorum();
        arguments.insert("x-delivery-limit", Argument::Number(DELIVERY_LIMIT));
        arguments.insert("x-dead-letter-exchange", Argument::Text(names.dead()));
        arguments.insert("x-dead-letter-routing-key", Argument::Text(dead_letters.clone()));
        arguments.insert(
            "x-dead-letter-strategy",
            Argument::Text("at-least-once".to_owned()),
        );
        arguments.insert("x-overflow", Argument::Text("reject-publish".to_owned()));
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
                    arguments: kept(),
                },
                QueuePlan {
                    name: queue.to_owned(),
                    arguments,
                },
            ],
            bindings,
        }
    }

    /// One retry delay of one queue: what waits there comes back to it through the return exchange.
    ///
    /// Queues share none. The broker's worker that takes out what has waited keeps a window of 32 messages that their
    /// queue refused, and hands out nothing else for three minutes: shared, one queue that is full would hold up the
    /// retries of all.
    pub(crate) fn delay(names: &Names, queue: &str, delay: Duration) -> Self {
        let (name, delays) = (Names::delay(queue, delay), names.delays());
        let mut arguments = quorum();
        let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        arguments.insert("x-message-ttl", Argument::Number(millis));
        arguments.insert("x-dead-letter-exchange", Argument::Text(names.returns()));
        arguments.insert("x-dead-letter-routing-key", Argument::Text(queue.to_owned()));
        arguments.insert(
            "x-dead-letter-strategy",
            Argument::Text("at-least-once".to_owned()),
        );
        arguments.insert("x-overflow", Argument::Text("reject-publish".to_owned()));
        Self {
            bindings: vec![bind(&delays, &name, &name)],
            exchanges: vec![direct(delays)],
            queues: vec![QueuePlan { name, arguments }],
        }
    }

    /// What of the plan one queue needs: itself, its dead letters, their bindings, and all exchanges.
    pub(crate) fn of_queue(&self, queue: &str) -> Self {
        let dead_letters = Names::dead_letters(queue);
        let is_its_own = |name: &str| name == queue || name == dead_letters;
        Self {
            exchanges: self.exchanges.clone(),
            queues: self
                .queues
                .iter()
                .filter(|plan| is_its_own(&plan.name))
                .cloned()
                .collect(),
            bindings: self
                .bindings
                .iter()
                .filter(|plan| is_its_own(&plan.queue))
                .cloned()
                .collect(),
        }
    }

    /// By what way events come to its queues, without these.
    #[cfg(feature = "rabbitmq")]
    pub(crate) fn routes(&self) -> Self {
        Self {
            exchanges: self.exchanges.clone(),
            queues: Vec::new(),
            bindings: self.bindings.clone(),
        }
    }

    /// Adds what `other` has and this plan has not.
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

/// The backstop against deliveries that kill their consumer; the runtime's own guard comes long before it.
const DELIVERY_LIMIT: i64 = 50;

/// The arguments of a queue that keeps what is in it until a person takes it out. RabbitMQ 4 gives every quorum queue a
/// limit of 20 deliveries, and drops what goes over it where no dead letters are: a redrive that fails 21 times would
/// lose the message. 3.10 documents no word for "unlimited", so the limit is one that nobody reaches.
fn kept() -> BTreeMap<&'static str, Argument> {
    let mut arguments = quorum();
    arguments.insert("x-delivery-limit", Argument::Number(1_000_000_000));
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
        let queue = plan.queues.iter().find(|it| it.name == queue);
        let arguments = &queue.expect("it is in the plan").arguments;
        arguments
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    fn queue(single_active: bool) -> Plan {
        let names = Names::of("shop");
        Plan::queue(&names, "domain_events", "shop.ship", &["order.*"], single_active)
    }

    /// They cannot be changed once a queue is there: a release that changes one refuses to start on every broker in use.
    #[test]
    fn the_arguments_of_a_handlers_queue_stay_what_they_are() {
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
    fn dead_letters_and_orphans_are_kept_however_often_someone_looks_at_them() {
        let kept = ["x-delivery-limit=1000000000", "x-queue-type=quorum"];
        assert_eq!(arguments(&queue(false), "shop.ship.dlq"), kept);
        assert_eq!(
            arguments(&Plan::service(&Names::of("shop")), "shop.orphans"),
            kept
        );
    }

    #[test]
    fn a_delay_comes_back_at_least_once_through_the_return_exchange() {
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
