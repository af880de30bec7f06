//! The paths, by their names.

use std::hint::black_box;

use tidings::__bench::{ManyHandlers, NullBroker, Topics, Wire};
use tidings::{App, Bus, DomainEvent, Event, RunningApp, event_handler, handlers};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::event::{OrderCreated, PaymentSettled};
use crate::family::OrderEvent;
use crate::wire;

/// One path.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    /// What it is called.
    pub name: &'static str,
    /// Takes it so many times.
    pub take: fn(u64),
}

/// How many are published or handed out at a time: a multiple of what the runtime does at a time.
pub const BATCH: u64 = 256;

/// How many bindings the key is looked for among.
const BINDINGS: usize = 1_000;

/// Every path.
pub const ALL: &[Path] = &[
    Path {
        name: "publish",
        take: publish,
    },
    Path {
        name: "publish-all",
        take: publish_all,
    },
    Path {
        name: "consume",
        take: |events| consume(events, handlers![take]),
    },
    Path {
        name: "consume-ordered",
        take: |events| consume(events, handlers![take_in_order]),
    },
    Path {
        name: "consume-publish",
        take: |events| consume(events, handlers![take_and_tell]),
    },
    Path {
        name: "dispatch-1000",
        take: dispatch,
    },
    Path {
        name: "memory",
        take: memory,
    },
    Path {
        name: "topics-1000",
        take: topics,
    },
    Path {
        name: "to-amqp",
        take: to_amqp,
    },
    Path {
        name: "from-amqp",
        take: from_amqp,
    },
    Path {
        name: "decode",
        take: |events| decode(events, &wire::of(&OrderCreated::small())),
    },
    Path {
        name: "decode-64kb",
        take: |events| decode(events, &wire::of(&OrderCreated::big())),
    },
    Path {
        name: "decode-cloudevent",
        take: |events| decode(events, &wire::structured(&OrderCreated::small())),
    },
    Path {
        name: "decode-family",
        take: decode_family,
    },
    Path {
        name: "encode",
        take: |events| encode(events, &OrderCreated::small()),
    },
    Path {
        name: "encode-64kb",
        take: |events| encode(events, &OrderCreated::big()),
    },
];

/// Takes the event, and does nothing.
#[event_handler("order.created")]
pub async fn take(order: Event<OrderCreated>) {
    black_box(&order);
}

/// One permit for each event that `take_and_count` took.
static TAKEN: Semaphore = Semaphore::const_new(0);

/// Takes the event, and says so.
#[event_handler("order.created")]
async fn take_and_count(order: Event<OrderCreated>) {
    black_box(&order);
    TAKEN.add_permits(1);
}

/// Takes the events of an order one by one.
#[event_handler("order.created", ordered_by = "aggregate_id")]
async fn take_in_order(order: Event<OrderCreated>) {
    black_box(&order);
}

/// Returns an event, which is published before the delivery is acknowledged.
#[event_handler("order.created")]
async fn take_and_tell(order: Event<OrderCreated>) -> PaymentSettled {
    PaymentSettled {
        order_id: order.order_id,
    }
}

/// A runtime of one thread, on which everything happens in the same order each time.
///
/// # Panics
/// When there can be none.
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread needs nothing")
}

/// An app on a bus.
///
/// # Panics
/// When it does not start.
pub async fn start(app: App, bus: &Bus) -> RunningApp {
    app.start(bus).await.expect("nothing keeps it from starting")
}

/// Ends it.
///
/// # Panics
/// When something is left of it.
pub async fn end(app: RunningApp) {
    app.shutdown().await.expect("nothing is left");
}

fn publish(events: u64) {
    let event = OrderCreated::small();
    let bus = NullBroker::new(&wire::of(&event)).bus();
    runtime().block_on(async {
        for _ in 0..events {
            bus.publish(&event).await.expect("it is confirmed");
        }
    });
}

fn publish_all(events: u64) {
    let event = OrderCreated::small();
    let bus = NullBroker::new(&wire::of(&event)).bus();
    runtime().block_on(async {
        for _ in 0..events / BATCH {
            let batch = (0..BATCH).map(|_| &event);
            for published in bus.publish_all(batch).await {
                published.expect("it is confirmed");
            }
        }
    });
}

fn consume(events: u64, handlers: impl tidings::__private::HandlerList<tidings::NoState>) {
    let treadmill = NullBroker::new(&wire::of(&OrderCreated::small()));
    runtime().block_on(async {
        let app = start(App::new("bench").handlers(handlers), &treadmill.bus()).await;
        treadmill.turn(events).await;
        end(app).await;
    });
}

/// A broker whose message is for the last pattern of the last handler of a crowd.
pub fn to_the_last_of<const HANDLERS: usize, const PATTERNS: usize, const SHARED: bool>(
    crowd: ManyHandlers<HANDLERS, PATTERNS, SHARED>,
) -> NullBroker {
    let wire = wire::of(&OrderCreated::small());
    NullBroker::at_queue(&crowd.last_queue(), &wire.with_key(&crowd.last_key()))
}

fn dispatch(events: u64) {
    let many = ManyHandlers::<1, 1_000, false>;
    let treadmill = to_the_last_of(many);
    runtime().block_on(async {
        let app = start(App::new("bench").handlers(many), &treadmill.bus()).await;
        treadmill.turn(events).await;
        end(app).await;
    });
}

fn memory(events: u64) {
    let event = OrderCreated::small();
    let bus = Bus::in_memory();
    runtime().block_on(async {
        let app = start(App::new("bench").handlers(handlers![take_and_count]), &bus).await;
        for _ in 0..events {
            bus.publish(&event).await.expect("it is confirmed");
        }
        // An app that is shut down leaves in its queue what it did not begin.
        let all = u32::try_from(events).expect("there are fewer than 2³²");
        TAKEN.acquire_many(all).await.expect("nobody closes it").forget();
        end(app).await;
    });
}

fn topics(events: u64) {
    let patterns: Vec<String> = (0..BINDINGS).map(pattern).collect();
    let mut topics = Topics::new(patterns.iter().map(String::as_str));
    for _ in 0..events {
        black_box(topics.find(black_box("order.a007.created")).len());
    }
}

/// The pattern of a queue: most name a key, every hundredth has a wildcard.
pub fn pattern(number: usize) -> String {
    match number % 100 {
        0 => format!("order.*.s{number:05}.#"),
        _ => format!("order.a{number:03}.created"),
    }
}

fn to_amqp(events: u64) {
    let wire = wire::of(&OrderCreated::small());
    for _ in 0..events {
        black_box(black_box(&wire).packed());
    }
}

fn from_amqp(events: u64) {
    let wire = wire::of(&OrderCreated::small());
    let packed = wire.packed();
    for _ in 0..events {
        black_box(wire.unpacked(black_box(&packed)));
    }
}

fn decode(events: u64, wire: &Wire) {
    for _ in 0..events {
        black_box(read::<OrderCreated>(black_box(wire)));
    }
}

/// From the message to the event.
///
/// # Panics
/// When it is another one.
pub fn read<E: DomainEvent>(wire: &Wire) -> E {
    wire.read().decode().expect("the event is of this type")
}

fn decode_family(events: u64) {
    let wire = wire::of(&OrderEvent::last());
    for _ in 0..events {
        black_box(read_family(black_box(&wire)));
    }
}

/// From the message to the family.
///
/// # Panics
/// When it is no member of it.
pub fn read_family(wire: &Wire) -> OrderEvent {
    tidings::EventFamily::decode(&wire.read()).expect("the event is of the family")
}

fn encode(events: u64, event: &OrderCreated) {
    for _ in 0..events {
        black_box(Wire::written(black_box(event)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_can_be_taken() {
        for path in ALL {
            (path.take)(BATCH);
        }
    }

    #[test]
    fn the_key_is_bound_once_among_a_thousand() {
        let patterns: Vec<String> = (0..BINDINGS).map(pattern).collect();
        let mut topics = Topics::new(patterns.iter().map(String::as_str));
        assert_eq!(topics.find("order.a007.created"), [7]);
    }
}
