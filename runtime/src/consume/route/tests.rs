//! The route of every kind of delivery.

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
use crate::handler::descriptor::HandlerDescriptor;
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

        // As the derive implements it.
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

fn handler(
    name: &'static str,
    patterns: &'static [&'static str],
    events: EventSet,
    any: bool,
) -> Arc<BoundHandler> {
    let takes = Takes { events, any };
    bound(HandlerDescriptor::new(name, name, patterns, takes, EventSet::NONE).with_queue("ship"))
}

fn bound(descriptor: HandlerDescriptor) -> Arc<BoundHandler> {
    let call =
        Arc::new(|_| -> crate::handler::list::HandlerFuture { unreachable!("routing calls no handler") });
    Arc::new(BoundHandler::new(descriptor, call, Arc::new([]), 1))
}

/// A handler with a wildcard that declares one event.
fn wide() -> Arc<BoundHandler> {
    handler("wide", &["order.*"], PLACED, false)
}

fn paid() -> Arc<BoundHandler> {
    handler("paid", &["payment.#"], PAID, false)
}

fn any() -> Arc<BoundHandler> {
    handler("any", &["audit.#"], EventSet::NONE, true)
}

/// A message that was published under `key`, with this type in its envelope.
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

/// A message that was sent to the queue directly, as a shovel does.
fn redriven(headers: &[(&str, &str)], event_type: &str) -> Message {
    Message {
        exchange: "".into(),
        headers: headers.iter().map(|(name, value)| (*name, *value)).collect(),
        ..published(QUEUE, event_type)
    }
}

/// The route as text, the name of the handler, and the attempt.
fn route_message(
    message: Message,
    returns: u32,
    handlers: &[Arc<BoundHandler>],
) -> (String, &'static str, u32) {
    route_tag(1, message, returns, handlers)
}

/// As above, for a delivery with this tag.
fn route_tag(
    tag: u64,
    message: Message,
    returns: u32,
    handlers: &[Arc<BoundHandler>],
) -> (String, &'static str, u32) {
    let bus = Bus::on_memory(Config::default());
    let service = Service::new("shop", bus, Plan::default(), watch::channel(false).1);
    let incoming = Incoming {
        tag,
        message: Arc::new(message),
        redelivered: returns > 0,
        delivery_count: returns,
    };
    let routed = route(
        &incoming,
        Timestamp::now(),
        returns,
        QUEUE,
        &QueueHandlers::new(handlers.to_vec()),
        &service,
    );
    let result = match routed.route {
        Route::Run(event) => format!("run {}", event.event_type()),
        Route::Decided(DeliveryResult::Undeclared) => "undeclared".to_owned(),
        Route::Decided(DeliveryResult::WrongType(found)) => format!("wrong type {found}"),
        Route::Decided(DeliveryResult::ForeignKey(key)) => format!("foreign key {key}"),
        Route::Decided(DeliveryResult::CrashLoop(count)) => format!("crash loop {count}"),
        Route::Decided(DeliveryResult::Malformed(_)) => "malformed".to_owned(),
        Route::Decided(other) => format!("{other:?}"),
    };
    (
        result,
        handlers[routed.handler].name(),
        routed.origin.attempt.number,
    )
}

fn route_of(message: Message) -> String {
    route_message(message, 0, &[wide()]).0
}

#[test]
fn an_event_that_the_handler_declares_runs() {
    assert_eq!(
        route_of(published("order.placed", "order.placed")),
        "run order.placed"
    );
}

#[test]
fn a_type_that_only_a_wildcard_matches_is_undeclared_even_when_it_is_malformed() {
    assert_eq!(
        route_of(published("order.shipped", "order.shipped")),
        "undeclared"
    );
    assert_eq!(
        route_of(broken("order.shipped", r#"{"type":"order.shipped","id":7"#)),
        "undeclared"
    );
}

#[test]
fn another_type_under_the_key_of_a_declared_event_is_a_wrong_type() {
    assert_eq!(
        route_of(published("order.placed", "order.shipped")),
        "wrong type order.shipped"
    );
}

#[test]
fn a_key_that_no_pattern_matches_is_foreign_whatever_the_body_is() {
    assert_eq!(
        route_of(published("payment.settled", "order.placed")),
        "foreign key payment.settled"
    );
    let body = r#"{"type":"payment.settled""#;
    assert_eq!(
        route_of(broken("payment.settled", body)),
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
        assert_eq!(route_of(broken("order.placed", body)), "malformed", "{body:?}");
    }
    // The type is readable, and is not the type of the key.
    assert_eq!(
        route_of(broken("order.placed", r#"{"type":"order.shipped","data":}"#)),
        "malformed"
    );
}

#[test]
fn the_seventh_return_is_a_crash_loop_before_the_body_is_read() {
    let read = |mut message: Message, before: u32, returns| {
        message.exchange = "shop.return".into();
        message
            .headers
            .set("tidings-original-routing-key", "order.placed");
        message.headers.set("tidings-returns", before);
        route_message(message, returns, &[wide()]).0
    };
    let placed = || published("order.placed", "order.placed");
    assert_eq!(read(placed(), 6, 0), "run order.placed");
    assert_eq!(read(placed(), 6, 1), "crash loop 7");
    assert_eq!(read(broken("order.placed", "\u{0}"), 6, 1), "crash loop 7");
    assert_eq!(
        read(placed(), 4, 20),
        "run order.placed",
        "a copy is in one trial at most"
    );
    assert_eq!(
        route_message(placed(), 20, &[wide()]).0,
        "run order.placed",
        "it was in no trial"
    );
}

#[test]
fn returns_from_before_a_delivery_was_set_aside_count_unless_they_are_forged() {
    let through = |exchange: &str| {
        let mut message = published("order.placed", "order.placed");
        message.exchange = exchange.into();
        message
            .headers
            .set("tidings-original-routing-key", "order.placed");
        message.headers.set("tidings-returns", 6_u32);
        route_message(message, 1, &[wide()]).0
    };
    assert_eq!(through("shop.return"), "crash loop 7");
    assert_eq!(through("domain_events"), "run order.placed");
}

#[test]
fn the_first_delivery_of_an_ordered_queue_is_a_crash_loop_at_fifteen_returns() {
    let takes = Takes {
        events: PLACED,
        any: false,
    };
    let descriptor = HandlerDescriptor::new("ordered", "ordered", &["order.*"], takes, EventSet::NONE);
    let ordered = bound(descriptor.with_order());
    let read = |tag, returns| {
        let message = published("order.placed", "order.placed");
        route_tag(tag, message, returns, std::slice::from_ref(&ordered)).0
    };
    assert_eq!(read(1, 14), "run order.placed");
    assert_eq!(read(1, 15), "crash loop 15");
    assert_eq!(
        read(2, 40),
        "run order.placed",
        "it returned together with the delivery before it"
    );
}

#[test]
fn a_shared_queue_chooses_the_handler_that_takes_the_event_or_comes_closest() {
    let shared = [paid(), wide(), any()];
    let name = |message| {
        let (result, name, _) = route_message(message, 0, &shared);
        (result, name)
    };
    let expected = |result: &str, name| (result.to_owned(), name);
    assert_eq!(
        name(published("order.placed", "order.placed")),
        expected("run order.placed", "wide")
    );
    assert_eq!(
        name(published("audit.x", "what.ever")),
        expected("run what.ever", "any")
    );
    assert_eq!(
        name(published("order.shipped", "order.shipped")),
        expected("undeclared", "wide")
    );
    assert_eq!(
        name(published("payment.settled", "what.ever")),
        expected("wrong type what.ever", "paid")
    );
    assert_eq!(
        name(published("else", "what.ever")),
        expected("foreign key else", "paid")
    );
}

#[test]
fn a_message_sent_to_the_queue_directly_is_routed_by_its_original_key() {
    assert_eq!(route_of(redriven(&[], "order.placed")), "run order.placed");
    assert_eq!(route_of(redriven(&[], "order.shipped")), "undeclared");
    let first = |key| {
        [
            ("tidings-original-exchange", "domain_events"),
            ("tidings-original-routing-key", key),
        ]
    };
    assert_eq!(
        route_of(redriven(&first("order.placed"), "order.placed")),
        "run order.placed"
    );
    assert_eq!(
        route_of(redriven(&first("order.old"), "order.placed")),
        "run order.placed"
    );
    assert_eq!(
        route_of(redriven(&first("else"), "order.placed")),
        "foreign key else"
    );
}

fn with_list(mut message: Message, header: &str, keys: &[&str]) -> Message {
    let keys = keys.iter().map(|key| HeaderValue::from(*key)).collect();
    message.headers.set(header, HeaderValue::List(keys));
    message
}

#[test]
fn an_event_is_also_routed_by_the_keys_in_cc() {
    let copied = |event_type, keys: &[&str]| route_of(with_list(published("else", event_type), "CC", keys));
    assert_eq!(copied("order.placed", &["order.copy"]), "run order.placed");
    assert_eq!(copied("order.placed", &["a", "order.copy"]), "run order.placed");
    assert_eq!(copied("order.shipped", &["order.copy"]), "undeclared");
    assert_eq!(
        copied("order.shipped", &["order.placed"]),
        "wrong type order.shipped"
    );
    assert_eq!(copied("order.placed", &["a", "b"]), "foreign key else");
    let both = with_list(published("order.placed", "order.shipped"), "CC", &["order.copy"]);
    assert_eq!(
        route_of(both),
        "wrong type order.shipped",
        "the routing key comes first"
    );
    let shared = [wide(), any()];
    let undeclared = with_list(published("order.shipped", "order.shipped"), "CC", &["audit.x"]);
    let (result, handler, _) = route_message(undeclared, 0, &shared);
    assert_eq!((result.as_str(), handler), ("run order.shipped", "any"));
}

#[test]
fn a_retry_is_routed_by_the_original_keys_in_cc() {
    let retry = |exchange: &str, header| {
        let mut message = with_list(published(QUEUE, "order.placed"), header, &["order.copy"]);
        message.exchange = exchange.into();
        message.headers.set("tidings-original-exchange", "domain_events");
        message.headers.set("tidings-original-routing-key", "else");
        route_of(message)
    };
    for exchange in ["shop.return", ""] {
        assert_eq!(retry(exchange, "tidings-original-cc"), "run order.placed");
        assert_eq!(retry(exchange, "CC"), "foreign key else");
    }
    assert_eq!(
        retry("domain_events", "tidings-original-cc"),
        format!("foreign key {QUEUE}"),
        "a publisher can set this header"
    );
}

#[test]
fn a_message_whose_cc_names_the_queue_was_sent_to_the_queue_directly() {
    let sent = |exchange: &str| {
        let mut message = with_list(published("other.queue", "order.placed"), "CC", &[QUEUE]);
        message.exchange = exchange.into();
        route_of(message)
    };
    assert_eq!(sent(""), "run order.placed");
    assert_eq!(sent("domain_events"), "foreign key other.queue");
}

#[test]
fn the_attempt_header_is_read_only_on_messages_from_the_return_exchange() {
    let attempt = |exchange: &str| {
        let mut message = published(QUEUE, "order.placed");
        message.exchange = exchange.into();
        message.headers.set("tidings-attempt", HeaderValue::I64(7));
        message
            .headers
            .set("tidings-original-routing-key", "order.placed");
        route_message(message, 0, &[wide()])
    };
    assert_eq!(attempt("shop.return"), ("run order.placed".to_owned(), "wide", 7));
    assert_eq!(attempt(""), ("run order.placed".to_owned(), "wide", 1));
    assert_eq!(
        attempt("domain_events"),
        (format!("foreign key {QUEUE}"), "wide", 1),
        "neither the attempt nor the key is read"
    );
}

#[test]
fn the_index_of_patterns_finds_the_same_handler_as_a_linear_search() {
    let each = [
        paid(),
        handler("exact", &["order.placed"], PAID, false),
        wide(),
        handler("again", &["order.placed", "order.placed"], PLACED, false),
        any(),
        handler("all", &["audit.seen", "#"], PLACED, false),
        handler("last", &["audit.seen", "order.*"], EventSet::NONE, true),
    ];
    let linear_search = |handlers: &[Arc<BoundHandler>], event_type, key| {
        let mut best = (0, HandlerMatch::ForeignKey);
        for (at, handler) in handlers.iter().enumerate() {
            match handler.matches(event_type, key) {
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
        let handlers = QueueHandlers::new(some.clone());
        for key in keys.map(Some).into_iter().chain([None]) {
            for event_type in ["order.placed", "payment.settled", "other"] {
                assert_eq!(
                    handlers.choose(event_type, key),
                    linear_search(&some, event_type, key),
                    "{event_type} under {key:?} from {from}"
                );
            }
        }
    }
}
