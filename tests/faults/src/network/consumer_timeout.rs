//! Deliveries that stay unacked longer than the consumer timeout of the broker.
//!
//! RabbitMQ up to 4.2 closes the channel and counts a failed delivery of every unacked message. RabbitMQ 4.3 cancels
//! the consumer and counts nothing. Both redeliver the events once the service consumes the queue again.

use std::sync::Arc;
use std::time::Duration;

use tidings::{App, Event, State, event_handler, handlers};

use crate::event::Noted;
use crate::handler_log::{HandlerLog, LogEntry};
use crate::harness::{FIRST_HANDLER_LOG, Harness};
use crate::recovery::recovers;
use crate::row::Row;
use crate::traffic::Load;
use tidings_test_support::wait::{blocking, until};

/// The consumer timeout of the broker.
const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
struct HolderState {
    handler_log: HandlerLog,
}

/// Keeps every 500th event for longer than the consumer timeout.
#[event_handler("fault.noted", timeout = "2m")]
async fn holding(event: Event<Noted>, State(holder_state): State<HolderState>) {
    let number = event.number;
    if number.is_multiple_of(500) {
        tokio::time::sleep(4 * TIMEOUT).await;
    }
    holder_state
        .handler_log
        .record("holding", number, event.id(), &event.aggregate);
}

/// Finishes every event.
#[event_handler("fault.noted")]
async fn other(event: Event<Noted>, State(holder_state): State<HolderState>) {
    holder_state
        .handler_log
        .record("other", event.number, event.id(), &event.aggregate);
}

pub(super) async fn exceeded(harness: &Harness) -> Row {
    let setup = harness
        .setup()
        .conf(&format!("consumer_timeout = {}", TIMEOUT.as_millis()));
    let node = harness.node_of(setup).await;
    // By default the broker checks the timeout every minute or every five seconds. Here it checks every second.
    let at = Arc::clone(&node);
    blocking(move || {
        let set = "[application:set_env(rabbit, Key, 1000) || Key <- [channel_tick_interval, quorum_tick_interval]].";
        at.ctl(&["eval", set]).expect("the interval is set");
    })
    .await;
    let handlers = ["holding", "other"];
    let load = Load::on(&node.url())
        .per_second(harness.pick(300, 1_000))
        .handled_by("holders", &handlers);
    let bus = load.bus().await;
    let holder_state = HolderState {
        handler_log: HandlerLog::open(&harness.folder().join(FIRST_HANDLER_LOG)),
    };
    let app = App::new("holders")
        .state(holder_state.clone())
        .handlers(handlers![holding, other])
        .start(&bus)
        .await
        .expect("the app starts");
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for time in 0..harness.times() {
        let mut reader = traffic.handler_log().reader();
        let kept = 500 * u64::from(time);
        // The run that keeps the event finishes it. Its redeliveries do not run.
        until("the kept event is finished", async || {
            let is_kept = |entry: &LogEntry| entry.handler == "holding" && entry.number == kept;
            reader.entries().iter().any(is_kept)
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), &handlers).await;
    }
    let row = traffic.finish().await.into_row(row);
    app.shutdown().await.expect("the app ends");
    bus.close().await;
    row
}
