//! The handlers that Tidings is measured with. The queue of each is `bench.take`.

/// Writes a handler: `name(options) |event, countdown| { work }`. The handler counts the event after the work.
macro_rules! take {
    ($name:ident($($options:tt)*) |$order:ident, $countdown:ident| $body:block) => {
        pub(super) mod $name {
            #[allow(unused_imports)]
            use std::time::Duration;

            use tidings::{Event, State, event_handler};

            use super::super::countdown::Countdown;
            use crate::event::OrderCreated;

            #[event_handler("order.created" $($options)*)]
            pub(crate) async fn take($order: Event<OrderCreated>, State($countdown): State<Countdown>) {
                std::hint::black_box(&$order);
                $body
                $countdown.count_one();
            }
        }
    };
}

take!(empty() | order, countdown | {});
take!(
    slow() | order,
    countdown | {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
);
take!(slow_16(, concurrency = 16) |order, countdown| { tokio::time::sleep(Duration::from_millis(5)).await; });
take!(slow_256(, concurrency = 256, prefetch = 1024) |order, countdown| { tokio::time::sleep(Duration::from_millis(5)).await; });
take!(slow_1024(, concurrency = 1024, prefetch = 4096) |order, countdown| { tokio::time::sleep(Duration::from_millis(5)).await; });
take!(
    busy() | order,
    countdown | {
        super::super::calculate();
    }
);
take!(ordered(, ordered_by = "aggregate_id") |order, countdown| {});
take!(
    timed() | order,
    countdown | {
        countdown.record_latency(order.at_micros);
    }
);
take!(
    slow_timed() | order,
    countdown | {
        tokio::time::sleep(Duration::from_millis(5)).await;
        countdown.record_latency(order.at_micros);
    }
);

/// The handler of the first event returns after all others.
pub(super) mod stuck {
    use tidings::{Event, State, event_handler};

    use super::super::countdown::Countdown;
    use crate::event::OrderCreated;

    #[event_handler("order.created")]
    pub(crate) async fn take(order: Event<OrderCreated>, State(countdown): State<Countdown>) {
        if order.is_first() {
            countdown.count_last().await;
        } else {
            countdown.count_one();
        }
    }
}

pub(super) mod family {
    use tidings::{State, event_handler};

    use super::super::countdown::Countdown;
    use super::super::generated::Family;

    #[event_handler("family.*")]
    pub(crate) async fn take(event: Family, State(countdown): State<Countdown>) {
        std::hint::black_box(&event);
        countdown.count_one();
    }
}
