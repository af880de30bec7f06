//! Deliveries that are held longer than the broker lets a consumer hold them.
//!
//! Up to 4.2 the broker then closes the channel, which counts as a failed delivery of all that it had handed out; 4.3
//! cancels the consumer and counts nothing. Either way the queue is subscribed again, and what was held comes again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidings::{App, Event, State, event_handler, handlers};
use tokio::sync::watch;

use super::operator::FIRST_NOTEBOOK;
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::harness::Harness;
use crate::recovery::recovers;
use crate::row::Row;
use crate::traffic::Load;
use tidings_test_support::wait::{blocking, until};

/// How long the broker lets a consumer hold a delivery.
const LIMIT: Duration = Duration::from_secs(2);

/// What is held, and how often it came.
#[derive(Debug, Clone)]
struct Hand {
    handler_log: HandlerLog,
    came: Arc<watch::Sender<HashMap<u64, u32>>>,
}

/// Holds one event of five hundred until the broker has handed it out again.
#[event_handler("fault.noted", timeout = "2m")]
async fn holding(event: Event<Noted>, State(hand): State<Hand>) {
    let number = event.number;
    if number.is_multiple_of(500) {
        hand.came
            .send_modify(|came| *came.entry(number).or_default() += 1);
        let mut came = hand.came.subscribe();
        // The sender is in the hand.
        let _ = came
            .wait_for(|came| came.get(&number).is_some_and(|times| *times > 1))
            .await;
    }
    hand.handler_log
        .record("holding", number, event.id(), &event.aggregate);
}

/// Finishes every event at once.
#[event_handler("fault.noted")]
async fn other(event: Event<Noted>, State(hand): State<Hand>) {
    hand.handler_log
        .record("other", event.number, event.id(), &event.aggregate);
}

pub(super) async fn exceeded(harness: &Harness) -> Row {
    let setup = harness
        .setup()
        .conf(&format!("consumer_timeout = {}", LIMIT.as_millis()));
    let node = harness.node_of(setup).await;
    // It looks once a minute, or every five seconds, where nothing is said.
    let at = Arc::clone(&node);
    blocking(move || {
        let often = "[application:set_env(rabbit, Key, 1000) || Key <- [channel_tick_interval, quorum_tick_interval]].";
        at.ctl(&["eval", often]).expect("the broker looks more often");
    })
    .await;
    let handlers = ["holding", "other"];
    let load = Load::on(&node.url())
        .per_second(harness.pick(300, 1_000))
        .handled_by("holders", &handlers);
    let bus = load.bus().await;
    let hand = Hand {
        handler_log: HandlerLog::open(&harness.folder().join(FIRST_NOTEBOOK)),
        came: Arc::new(watch::Sender::default()),
    };
    let app = App::new("holders")
        .state(hand.clone())
        .handlers(handlers![holding, other])
        .start(&bus)
        .await
        .expect("the app starts");
    let (mut traffic, mut row) = (load.start(harness).await, harness.row());
    for time in 0..harness.times() {
        let mut reader = traffic.handler_log().reader();
        let held = 500 * u64::from(time);
        // Twice: by the one that held it, and by the one that had it when it was taken away.
        until("what was held is finished by another, too", async || {
            let entries = reader.entries();
            let came =
                |entry: &&crate::handler_log::LogEntry| entry.handler == "holding" && entry.number == held;
            entries.iter().filter(came).count() >= 2
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), &handlers).await;
    }
    let row = traffic.finish().await.into_row(row);
    app.shutdown().await.expect("the app ends");
    bus.close().await;
    row
}
