//! The handlers of Tidings; each of them has the queue `bench.take`.

macro_rules! take {
    // `name(options) with |order, tally| what it does`
    ($name:ident($($options:tt)*) |$order:ident, $tally:ident| $body:block) => {
        pub(super) mod $name {
            #[allow(unused_imports)]
            use std::time::Duration;

            use tidings::{Event, State, event_handler};

            use super::super::countdown::Tally;
            use crate::event::OrderCreated;

            #[event_handler("order.created" $($options)*)]
            pub(crate) async fn take($order: Event<OrderCreated>, State($tally): State<Tally>) {
                std::hint::black_box(&$order);
                $body
                $tally.one();
            }
        }
    };
}

take!(empty() | order, tally | {});
take!(
    slow() | order,
    tally | {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
);
take!(slow_16(, concurrency = 16) |order, tally| { tokio::time::sleep(Duration::from_millis(5)).await; });
take!(slow_256(, concurrency = 256, prefetch = 1024) |order, tally| { tokio::time::sleep(Duration::from_millis(5)).await; });
take!(slow_1024(, concurrency = 1024, prefetch = 4096) |order, tally| { tokio::time::sleep(Duration::from_millis(5)).await; });
take!(
    busy() | order,
    tally | {
        super::super::burn();
    }
);
take!(ordered(, ordered_by = "aggregate_id") |order, tally| {});
take!(
    timed() | order,
    tally | {
        tally.since(order.at_micros);
    }
);
take!(
    slow_timed() | order,
    tally | {
        tokio::time::sleep(Duration::from_millis(5)).await;
        tally.since(order.at_micros);
    }
);

/// The first event's handler ends after all others.
pub(super) mod stuck {
    use tidings::{Event, State, event_handler};

    use super::super::countdown::Tally;
    use crate::event::OrderCreated;

    #[event_handler("order.created")]
    pub(crate) async fn take(order: Event<OrderCreated>, State(tally): State<Tally>) {
        if order.is_first() {
            tally.last().await;
        } else {
            tally.one();
        }
    }
}

pub(super) mod family {
    use tidings::{State, event_handler};

    use super::super::countdown::Tally;
    use super::super::generated::Family;

    #[event_handler("family.*")]
    pub(crate) async fn take(event: Family, State(tally): State<Tally>) {
        std::hint::black_box(&event);
        tally.one();
    }
}
