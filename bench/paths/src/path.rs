//! The paths and their names.

use std::hint::black_box;

use tidings::__bench::{ManyHandlers, NullBroker, Topics, Wire};
use tidings::{App, Bus, DomainEvent, Event, RunningApp, event_handler, handlers};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::event::{OrderCreated, PaymentSettled};
use crate::family::OrderEvent;
use crate::wire;

/// A path that can be run a number of times.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    /// The name in `bench/instructions.toml`.
    pub name: &'static str,
    /// Runs the path for a number of events.
    pub run: fn(u64),
}

/// The number of events that are published or delivered at a time. It is a multiple of the runtime's own batch.
pub const BATCH: u64 = 256;

/// The number of bindings in `topics-1000`.
const BINDINGS: usize = 1_000;

/// All paths.
pub const ALL: &[Path] = &[
    Path {
        name: "publish",
        run: publish,
    },
    Path {
        name: "publish-all",
        run: publish_all,
    },
    Path {
        name: "consume",
        run: |events| consume(events, handlers![take]),
    },
    Path {
        name: "consume-ordered",
        run: |events| consume(events, handlers![take_in_order]),
    },
    Path {
        name: "consume-publish",
        run: |events| consume(events, handlers![take_and_publish]),
    },
    Path {
        name: "dispatch-1000",
        run: dispatch,
    },
    Path {
        name: "memory",
        run: memory,
    },
    Path {
        name: "topics-1000",
        run: topics,
    },
    Path {
        name: "to-amqp",
        run: to_amqp,
    },
    Path {
        name: "from-amqp",
        run: from_amqp,
    },
    Path {
        name: "decode",
        run: |events| decode(events, &wire::of(&OrderCreated::small())),
    },
    Path {
        name: "decode-64kb",
        run: |events| decode(events, &wire::of(&OrderCreated::big())),
    },
    Path {
        name: "decode-cloudevent",
        run: |events| decode(events, &wire::structured(&OrderCreated::small())),
    },
    Path {
        name: "decode-family",
        run: decode_family,
    },
    Path {
        name: "encode",
        run: |events| encode(events, &OrderCreated::small()),
    },
    Path {
        name: "encode-64kb",
        run: |events| encode(events, &OrderCreated::big()),
    },
];

/// An empty handler.
#[event_handler("order.created")]
pub async fn take(order: Event<OrderCreated>) {
    black_box(&order);
}

/// One permit for each event that `take_and_count` handled.
static HANDLED: Semaphore = Semaphore::const_new(0);

/// Counts the event.
#[event_handler("order.created")]
async fn take_and_count(order: Event<OrderCreated>) {
    black_box(&order);
    HANDLED.add_permits(1);
}

/// Handles the events of one order one at a time.
#[event_handler("order.created", ordered_by = "aggregate_id")]
async fn take_in_order(order: Event<OrderCreated>) {
    black_box(&order);
}

/// Returns an event, which is published before the delivery is acknowledged.
#[event_handler("order.created")]
async fn take_and_publish(order: Event<OrderCreated>) -> PaymentSettled {
    PaymentSettled {
        order_id: order.order_id,
    }
}

/// A runtime with one thread, on which tasks run in the same order every time.
///
/// # Panics
/// If the runtime cannot be built.
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O can be built")
}

/// Starts an app on a bus.
///
/// # Panics
/// If the app does not start.
pub async fn start(app: App, bus: &Bus) -> RunningApp {
    app.start(bus).await.expect("the app starts")
}

/// Shuts an app down.
///
/// # Panics
/// If the shutdown fails.
pub async fn end(app: RunningApp) {
    app.shutdown().await.expect("the shutdown succeeds");
}

fn publish(events: u64) {
    let event = OrderCreated::small();
    let bus = NullBroker::new(&wire::of(&event)).bus();
    runtime().block_on(async {
        for _ in 0..events {
            bus.publish(&event).await.expect("the publish is confirmed");
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
                published.expect("the publish is confirmed");
            }
        }
    });
}

fn consume(events: u64, handlers: impl tidings::__private::HandlerList<tidings::NoState>) {
    let null_broker = NullBroker::new(&wire::of(&OrderCreated::small()));
    runtime().block_on(async {
        let app = start(App::new("bench").handlers(handlers), &null_broker.bus()).await;
        null_broker.turn(events).await;
        end(app).await;
    });
}

/// A null broker whose message matches the last pattern of the last handler.
pub fn to_the_last_of<const HANDLERS: usize, const PATTERNS: usize, const SHARED: bool>(
    handlers: ManyHandlers<HANDLERS, PATTERNS, SHARED>,
) -> NullBroker {
    let wire = wire::of(&OrderCreated::small());
    NullBroker::at_queue(&handlers.last_queue(), &wire.with_key(&handlers.last_key()))
}

fn dispatch(events: u64) {
    let many = ManyHandlers::<1, 1_000, false>;
    let null_broker = to_the_last_of(many);
    runtime().block_on(async {
        let app = start(App::new("bench").handlers(many), &null_broker.bus()).await;
        null_broker.turn(events).await;
        end(app).await;
    });
}

fn memory(events: u64) {
    let event = OrderCreated::small();
    let bus = Bus::in_memory();
    runtime().block_on(async {
        let app = start(App::new("bench").handlers(handlers![take_and_count]), &bus).await;
        for _ in 0..events {
            bus.publish(&event).await.expect("the publish is confirmed");
        }
        // A shutdown leaves events in the queue whose handler has not started, so wait for all of them.
        let all = u32::try_from(events).expect("a run has fewer than 2³² events");
        HANDLED
            .acquire_many(all)
            .await
            .expect("the semaphore stays open")
            .forget();
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

/// The pattern of a binding: most are routing keys, every hundredth has wildcards.
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

/// Decodes a message into an event.
///
/// # Panics
/// If the message is another event.
pub fn read<E: DomainEvent>(wire: &Wire) -> E {
    wire.read().decode().expect("the event is of this type")
}

fn decode_family(events: u64) {
    let wire = wire::of(&OrderEvent::last());
    for _ in 0..events {
        black_box(read_family(black_box(&wire)));
    }
}

/// Decodes a message into a family.
///
/// # Panics
/// If the message is not an event of the family.
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
    fn every_path_runs() {
        for path in ALL {
            (path.run)(BATCH);
        }
    }

    #[test]
    fn one_of_a_thousand_bindings_matches_the_key() {
        let patterns: Vec<String> = (0..BINDINGS).map(pattern).collect();
        let mut topics = Topics::new(patterns.iter().map(String::as_str));
        assert_eq!(topics.find("order.a007.created"), [7]);
    }
}
