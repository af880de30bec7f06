//! Tests of the in-memory broker.

mod bounds;
mod dead_letters;
mod declarations;
mod delays;
mod faults;
mod inspection;
mod invariants;
mod routing;
mod subscriptions;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::MemoryBroker;
use crate::broker::{Broker, Incoming, Publish, QueueSource, Subscribe, Subscription};
use crate::bus::confirm::{PendingConfirm, confirm};
use crate::bus::refusal::Refusal;
use crate::clock::Clock;
use crate::error::Error;
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::topology::{Argument, BindingPlan, ExchangeKind, ExchangePlan, Names, Plan, QueuePlan};

const DEADLINE: Duration = Duration::from_secs(10);

/// Fails the test when `future` is not ready within the deadline.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it is ready within the deadline")
}

fn broker() -> MemoryBroker {
    MemoryBroker::builder(Clock::virtual_time()).recording().build()
}

fn exchange(name: &str, kind: ExchangeKind) -> Plan {
    let exchange = ExchangePlan {
        name: name.to_owned(),
        kind,
        alternate: None,
    };
    Plan {
        exchanges: vec![exchange],
        ..Plan::default()
    }
}

fn queue<const N: usize>(name: &str, arguments: [(&'static str, Argument); N]) -> Plan {
    let queue = QueuePlan {
        name: name.to_owned(),
        arguments: BTreeMap::from(arguments),
    };
    Plan {
        queues: vec![queue],
        ..Plan::default()
    }
}

fn binding(exchange: &str, pattern: &str, queue: &str) -> Plan {
    let binding = BindingPlan {
        exchange: exchange.into(),
        queue: queue.to_owned(),
        pattern: pattern.to_owned(),
    };
    Plan {
        bindings: vec![binding],
        ..Plan::default()
    }
}

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

/// A broker with a topic exchange `events`, and a queue `q` for all its messages.
async fn broker_with_queue() -> MemoryBroker {
    let broker = broker();
    declare(&broker, exchange("events", ExchangeKind::Topic)).await;
    declare(&broker, queue("q", [])).await;
    declare(&broker, binding("events", "#", "q")).await;
    broker
}

/// The plan of a service `shop` with the handler queue `shop.pay`.
fn shop_plan() -> Plan {
    let names = Names::of("shop");
    let mut plan = Plan::domain_exchange("domain_events");
    plan.merge(Plan::service(&names));
    plan.merge(Plan::queue(
        &names,
        "domain_events",
        "shop.pay",
        &["order.*"],
        false,
    ));
    plan
}

async fn declare(broker: &MemoryBroker, plan: Plan) {
    broker.declare(&plan).await.unwrap();
}

fn message(exchange: &str, key: &str, body: &str) -> Message {
    Message {
        exchange: exchange.into(),
        routing_key: key.into(),
        body: body.into(),
        ..Message::default()
    }
}

fn send(broker: &MemoryBroker, message: Message) -> PendingConfirm {
    send_with(broker, message, false, false)
}

async fn send_mandatory(broker: &MemoryBroker, message: Message) -> Result<(), Refusal> {
    let answer = send_with(broker, message, true, false);
    in_time(answer).await.expect("an answer")
}

fn send_with(
    broker: &MemoryBroker,
    message: Message,
    mandatory: bool,
    while_handling: bool,
) -> PendingConfirm {
    let (confirm, answer) = confirm(None);
    broker.send(Publish {
        message: Arc::new(message),
        mandatory,
        while_handling,
        confirm,
    });
    answer
}

/// Publishes a message and waits for its confirm.
async fn publish(broker: &MemoryBroker, exchange: &str, key: &str, body: &str) {
    let answer = send(broker, message(exchange, key, body));
    in_time(answer).await.expect("an answer").expect("a confirm");
}

/// Publishes a message with an expiration, and waits for its confirm.
async fn publish_expiring(broker: &MemoryBroker, exchange: &str, key: &str, body: &str, millis: &str) {
    let mut message = message(exchange, key, body);
    message
        .properties
        .change(|it| it.expiration = Some(millis.to_owned()));
    in_time(send(broker, message))
        .await
        .expect("an answer")
        .expect("a confirm");
}

/// Publishes one message to `events` for each body.
async fn publish_all(broker: &MemoryBroker, bodies: &[&str]) {
    for body in bodies {
        publish(broker, "events", "key", body).await;
    }
}

fn is_pending(answer: &mut PendingConfirm) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    std::pin::pin!(answer).poll(&mut cx).is_pending()
}

async fn try_subscribe(
    broker: &MemoryBroker,
    queue: QueueSource,
    prefetch: u16,
) -> Result<Box<dyn Subscription>, Error> {
    let subscribe = Subscribe {
        suspects: None,
        single_active: false,
        queue,
        prefetch,
        consumer: "test".to_owned(),
    };
    broker.subscribe(subscribe).await
}

async fn subscribe(broker: &MemoryBroker, queue: &str, prefetch: u16) -> Box<dyn Subscription> {
    let queue = QueueSource::Named(queue.into());
    try_subscribe(broker, queue, prefetch).await.unwrap()
}

async fn ephemeral(broker: &MemoryBroker, pattern: &str) -> Box<dyn Subscription> {
    let queue = QueueSource::Ephemeral {
        exchange: "events".into(),
        patterns: vec![pattern.to_owned()],
    };
    try_subscribe(broker, queue, 0).await.unwrap()
}

async fn next(subscription: &mut Box<dyn Subscription>) -> Incoming {
    in_time(poll_fn(|cx| subscription.poll_next(cx)))
        .await
        .expect("a delivery")
}

fn poll_now(subscription: &mut Box<dyn Subscription>) -> Poll<Option<Incoming>> {
    subscription.poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Returns the bodies of all deliveries that are ready.
fn drain(subscription: &mut Box<dyn Subscription>) -> Vec<String> {
    std::iter::from_fn(|| match poll_now(subscription) {
        Poll::Ready(Some(incoming)) => Some(body(&incoming.message)),
        _ => None,
    })
    .collect()
}

fn has_ended(subscription: &mut Box<dyn Subscription>) -> bool {
    matches!(poll_now(subscription), Poll::Ready(None))
}

/// The only entry of the header `x-death`.
fn death(message: &Message) -> &Headers {
    match message.headers.get("x-death") {
        Some(HeaderValue::List(deaths)) => match &deaths[..] {
            [HeaderValue::Table(death)] => death,
            _ => panic!("one death, not {deaths:?}"),
        },
        _ => panic!("no x-death in {:?}", message.headers),
    }
}

fn body(message: &Message) -> String {
    String::from_utf8(message.body.to_vec()).unwrap()
}

fn bodies(messages: &[Arc<Message>]) -> Vec<String> {
    messages.iter().map(|message| body(message)).collect()
}

/// Advances the clock to its next timer, and waits until the woken tasks are done.
async fn jump(broker: &MemoryBroker) -> bool {
    let moved = broker.clock().advance_to_next();
    in_time(async {
        loop {
            let changed = broker.changed();
            if broker.clock().pending() == 0 {
                break;
            }
            changed.await;
        }
    })
    .await;
    moved
}
