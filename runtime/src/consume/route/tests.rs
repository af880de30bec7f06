//! Every verdict before a handler runs.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::*;
use crate::bus::Bus;
use crate::bus::config::Config;
use crate::consume::bound_handler::BoundHandler;
use crate::event::DomainEvent;
use crate::event::descriptor::{EventDescriptor, EventSet};
use crate::handler::HandlerDescriptor;
use crate::handler::input::Takes;
use crate::message::Message;
use crate::message::headers::HeaderValue;
use crate::message::routing_key::RoutingKeyError;
use crate::topology::Plan;

const QUEUE: &str = "shop.ship";

macro_rules! event {
    ($name:ident, $event_type:literal) => {
        #[derive(Serialize, Deserialize, JsonSchema)]
        struct $name {}

        // What the derive writes.
        impl DomainEvent for $name {
            const TYPE: &'static str = $event_type;
            const VERSION: u32 = 1;
            const ROUTING_KEY: &'static str = $event_type;
            const KEY_PATTERN: &'static str = $event_type;
            const DESCRIPTION: Option<&'static str> = None;
            const DEPRECATED: Option<&'static str> = None;
            const RUST_TYPE: &'static str = stringify!($name);

            fn routing_key(&self) -> Result<Cow<'static, str>, RoutingKeyError> {
                Ok(Self::ROUTING_KEY.into())
            }

            fn aggregate_id(&self) -> String {
                String::new()
            }
        }
    };
}

event!(Placed, "order.placed");
event!(Paid, "payment.settled");

const PLACED: EventSet = EventSet::Events(&[EventDescriptor::of::<Placed>()]);
const PAID: EventSet = EventSet::Events(&[EventDescriptor::of::<Paid>()]);

fn worker(
    name: &'static str,
    patterns: &'static [&'static str],
    events: EventSet,
    any: bool,
) -> Arc<BoundHandler> {
    let descriptor = HandlerDescriptor::new(name, name, patterns, Takes { events, any }, EventSet::NONE)
        .with_queue("ship");
    let call =
        Arc::new(|_| -> crate::handler::HandlerFuture { unreachable!("a delivery is judged, not run") });
    Arc::new(BoundHandler::new(descriptor, call, Arc::new([]), 1))
}

/// A handler of everything under `order`, which declares one event.
fn wide() -> Arc<BoundHandler> {
    worker("wide", &["order.*"], PLACED, false)
}

fn paid() -> Arc<BoundHandler> {
    worker("paid", &["payment.#"], PAID, false)
}

fn any() -> Arc<BoundHandler> {
    worker("any", &["audit.#"], EventSet::NONE, true)
}

/// A message as it comes, published under `key` with this type in its envelope.
fn published(key: &str, event_type: &str) -> Message {
    Message {
        exchange: "domain_events".into(),
        routing_key: key.into(),
        body: format!(r#"{{"type":"{event_type}","data":{{}}}}"#)
            .into_bytes()
            .into(),
        ..Message::default()
    }
}

fn broken(key: &str, body: &str) -> Message {
    Message {
        body: body.into(),
        ..published(key, "")
    }
}

/// Put straight into the queue, as a shovel does.
fn redriven(headers: &[(&str, &str)], event_type: &str) -> Message {
    Message {
        exchange: "".into(),
        headers: headers.iter().map(|(name, value)| (*name, *value)).collect(),
        ..published(QUEUE, event_type)
    }
}

/// The verdict in a word, the handler it names, and the attempt.
fn judged(message: Message, returns: u32, workers: &[Arc<BoundHandler>]) -> (String, &'static str, u32) {
    judged_at(1, message, returns, workers)
}

/// The same of a delivery of this number.
fn judged_at(
    tag: u64,
    message: Message,
    returns: u32,
    workers: &[Arc<BoundHandler>],
) -> (String, &'static str, u32) {
    let bus = Bus::on_memory(Config::default());
    let service = Service::new("shop", bus, Plan::default(), watch::channel(false).1);
    let incoming = Incoming {
        tag,
        message: Arc::new(message),
        redelivered: returns > 0,
        delivery_count: returns,
        alone: false,
    };
    let judged = judge(
        &incoming,
        Timestamp::now(),
        returns,
        QUEUE,
        &QueueHandlers::new(workers.to_vec()),
        &service,
    );
    let verdict = match judged.verdict {
        Route::Run(event) => format!("run {}", event.event_type()),
        Route::Over(DeliveryResult::Undeclared) => "undeclared".to_owned(),
        Route::Over(DeliveryResult::WrongType(found)) => format!("wrong type {found}"),
        Route::Over(DeliveryResult::ForeignKey(key)) => format!("foreign key {key}"),
        Route::Over(DeliveryResult::CrashLoop(count)) => format!("crash loop {count}"),
        Route::Over(DeliveryResult::Malformed(_)) => "malformed".to_owned(),
        Route::Over(other) => format!("{other:?}"),
    };
    (verdict, workers[judged.handler].name(), judged.origin.attempt)
}

fn verdict(message: Message) -> String {
    judged(message, 0, &[wide()]).0
}

#[test]
fn an_event_that_the_handler_declares_runs() {
    assert_eq!(
        verdict(published("order.placed", "order.placed")),
        "run order.placed"
    );
}

#[test]
fn a_type_that_its_wildcard_caught_is_undeclared_even_when_it_is_broken() {
    assert_eq!(verdict(published("order.shipped", "order.shipped")), "undeclared");
    assert_eq!(
        verdict(broken("order.shipped", r#"{"type":"order.shipped","id":7"#)),
        "undeclared"
    );
}

#[test]
fn the_key_of_a_declared_event_with_another_type_is_a_wrong_type() {
    assert_eq!(
        verdict(published("order.placed", "order.shipped")),
        "wrong type order.shipped"
    );
}

#[test]
fn a_key_outside_its_patterns_is_foreign_whatever_is_in_it() {
    assert_eq!(
        verdict(published("payment.settled", "order.placed")),
        "foreign key payment.settled"
    );
    let body = r#"{"type":"payment.settled""#;
    assert_eq!(
        verdict(broken("payment.settled", body)),
        "foreign key payment.settled"
    );
}

#[test]
fn a_declared_event_that_cannot_be_read_is_malformed() {
    for body in [
        "",
        "[1",
        "7",
        r#"{"type":"order.placed"}"#,
        r#"{"type":"order.placed","data":"#,
    ] {
        assert_eq!(verdict(broken("order.placed", body)), "malformed", "{body:?}");
    }
    // Its type is the only thing that could be read, and it is not the key's.
    assert_eq!(
        verdict(broken("order.placed", r#"{"type":"order.shipped","data":}"#)),
        "malformed"
    );
}

#[test]
fn seven_returns_are_a_crash_loop_before_anything_is_read() {
    let read = |returns| judged(published("order.placed", "order.placed"), returns, &[wide()]).0;
    assert_eq!(read(6), "run order.placed");
    assert_eq!(read(7), "crash loop 7");
    let broken = broken("order.placed", "\u{0}");
    assert_eq!(judged(broken, 50, &[wide()]).0, "crash loop 50");
}

#[test]
fn returns_before_a_delivery_was_set_aside_count_unless_they_are_forged() {
    let through = |exchange: &str| {
        let message = Message {
            exchange: exchange.into(),
            ..published("order.placed", "order.placed")
        };
        let mut message = message;
        message
            .headers
            .set("tidings-original-routing-key", "order.placed");
        message.headers.set("tidings-returns", 4_u32);
        judged(message, 3, &[wide()]).0
    };
    assert_eq!(through("shop.return"), "crash loop 7");
    assert_eq!(through("domain_events"), "run order.placed");
}

#[test]
fn of_an_ordered_queue_the_first_of_a_subscription_is_a_crash_loop_at_fifteen_returns() {
    let ordered = || {
        let descriptor = HandlerDescriptor::new(
            "ordered",
            "ordered",
            &["order.*"],
            Takes {
                events: PLACED,
                any: false,
            },
            EventSet::NONE,
        )
        .with_order();
        let call = Arc::new(|_| -> crate::handler::HandlerFuture { unreachable!("it is judged, not run") });
        Arc::new(BoundHandler::new(descriptor, call, Arc::new([]), 1))
    };
    let read = |tag, returns| {
        let message = published("order.placed", "order.placed");
        judged_at(tag, message, returns, &[ordered()]).0
    };
    assert_eq!(read(1, 14), "run order.placed");
    assert_eq!(read(1, 15), "crash loop 15");
    assert_eq!(
        read(2, 40),
        "run order.placed",
        "it came back with the one before it"
    );
}

#[test]
fn of_a_shared_queue_the_handler_that_takes_it_or_comes_closest_speaks() {
    let shared = [paid(), wide(), any()];
    let name = |message| {
        let (verdict, name, _) = judged(message, 0, &shared);
        (verdict, name)
    };
    let told = |verdict: &str, name| (verdict.to_owned(), name);
    assert_eq!(
        name(published("order.placed", "order.placed")),
        told("run order.placed", "wide")
    );
    assert_eq!(
        name(published("audit.x", "what.ever")),
        told("run what.ever", "any")
    );
    assert_eq!(
        name(published("order.shipped", "order.shipped")),
        told("undeclared", "wide")
    );
    assert_eq!(
        name(published("payment.settled", "what.ever")),
        told("wrong type what.ever", "paid")
    );
    assert_eq!(
        name(published("else", "what.ever")),
        told("foreign key else", "paid")
    );
}

#[test]
fn what_is_put_straight_into_the_queue_is_judged_by_where_it_came_from_at_first() {
    assert_eq!(verdict(redriven(&[], "order.placed")), "run order.placed");
    assert_eq!(verdict(redriven(&[], "order.shipped")), "undeclared");
    let first = |key| {
        [
            ("tidings-original-exchange", "domain_events"),
            ("tidings-original-routing-key", key),
        ]
    };
    assert_eq!(
        verdict(redriven(&first("order.placed"), "order.placed")),
        "run order.placed"
    );
    assert_eq!(
        verdict(redriven(&first("order.old"), "order.placed")),
        "run order.placed"
    );
    assert_eq!(
        verdict(redriven(&first("else"), "order.placed")),
        "foreign key else"
    );
}

#[test]
fn an_attempt_is_believed_on_what_comes_back_through_our_own_exchange_alone() {
    let attempt = |exchange: &str| {
        let mut message = published(QUEUE, "order.placed");
        message.exchange = exchange.into();
        message.headers.set("tidings-attempt", HeaderValue::I64(7));
        message
            .headers
            .set("tidings-original-routing-key", "order.placed");
        judged(message, 0, &[wide()])
    };
    assert_eq!(attempt("shop.return"), ("run order.placed".to_owned(), "wide", 7));
    assert_eq!(attempt(""), ("run order.placed".to_owned(), "wide", 1));
    assert_eq!(
        attempt("domain_events"),
        (format!("foreign key {QUEUE}"), "wide", 1),
        "neither its attempt nor its key is believed"
    );
}

#[test]
fn the_handler_found_by_its_patterns_is_the_one_that_asking_each_in_turn_finds() {
    let each = [
        paid(),
        worker("spelled", &["order.placed"], PAID, false),
        wide(),
        worker("again", &["order.placed", "order.placed"], PLACED, false),
        any(),
        worker("all", &["audit.seen", "#"], PLACED, false),
        worker("last", &["audit.seen", "order.*"], EventSet::NONE, true),
    ];
    let asked = |workers: &[Arc<BoundHandler>], event_type, key| {
        let mut best = (0, HandlerMatch::ForeignKey);
        for (at, worker) in workers.iter().enumerate() {
            match worker.matches(event_type, key) {
                HandlerMatch::Takes => return (at, HandlerMatch::Takes),
                HandlerMatch::WrongType => best = (at, HandlerMatch::WrongType),
                HandlerMatch::Undeclared if best.1 == HandlerMatch::ForeignKey => {
                    best = (at, HandlerMatch::Undeclared);
                }
                _ => {}
            }
        }
        best
    };
    let keys = [
        "order.placed",
        "order.sent",
        "payment.settled",
        "audit.seen",
        "audit",
        "",
    ];
    for from in 0..each.len() {
        let some = each[from..].to_vec();
        let workers = QueueHandlers::new(some.clone());
        for key in keys.map(Some).into_iter().chain([None]) {
            for event_type in ["order.placed", "payment.settled", "other"] {
                assert_eq!(
                    workers.choose(event_type, key),
                    asked(&some, event_type, key),
                    "{event_type} under {key:?} from {from}"
                );
            }
        }
    }
}
