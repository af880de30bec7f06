//! The broker is killed when everything is done except the acks.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidings::{App, Delivery, Event, HandlerError, State, event_handler, handlers};
use tidings_broker::Node;
use tokio::sync::watch;

use super::queue_full::limit_queues;
use crate::delays;
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::SERVICE;
use crate::harness::{Harness, VirtualHost};
use crate::row::Row;
use crate::traffic::{Load, Traffic};
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{blocking, until, within};

/// How many events have a running attempt when the broker is killed.
const EVENTS: usize = 1_000;

/// Blocks all attempts until it is opened.
#[derive(Debug, Clone)]
struct Gate {
    handler_log: HandlerLog,
    entered: Arc<AtomicUsize>,
    failed: Arc<Mutex<HashSet<u64>>>,
    open: watch::Receiver<bool>,
}

impl Gate {
    async fn pass(&self) {
        self.entered.fetch_add(1, Ordering::Relaxed);
        let _ = self.open.clone().wait_for(|open| *open).await;
    }
}

/// Fails every other event at its first attempt. All attempts end together, because the breaker opens after twenty
/// failures in a row.
#[event_handler(
    "fault.noted",
    concurrency = 1000,
    prefetch = 1000,
    timeout = "5m",
    retry(rungs = "5m")
)]
async fn failing(
    event: Event<Noted>,
    delivery: Delivery,
    State(gate): State<Gate>,
) -> Result<(), HandlerError> {
    gate.pass().await;
    if delivery.attempt() == 1 && !event.number.is_multiple_of(2) {
        return Err(HandlerError::retry("the first attempt fails"));
    }
    gate.handler_log
        .record("failing", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// Fails every other event once. An event whose retry was lost does not fail again.
#[event_handler(
    "fault.noted",
    concurrency = 1000,
    prefetch = 1000,
    timeout = "5m",
    retry(rungs = "5m")
)]
async fn failing_once(event: Event<Noted>, State(gate): State<Gate>) -> Result<(), HandlerError> {
    gate.pass().await;
    let mut failed = gate.failed.lock().unwrap_or_else(PoisonError::into_inner);
    if !event.number.is_multiple_of(2) && failed.insert(event.number) {
        return Err(HandlerError::retry("the first attempt fails"));
    }
    gate.handler_log
        .record("failing_once", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// Finishes all events at the same time.
#[event_handler("fault.noted", concurrency = 1000, prefetch = 1000, timeout = "5m")]
async fn finishing(event: Event<Noted>, State(gate): State<Gate>) {
    gate.pass().await;
    gate.handler_log
        .record("finishing", event.number, event.id(), &event.aggregate);
}

/// Dead-letters every event.
#[event_handler("fault.noted")]
async fn rejecting(_event: Event<Noted>) -> Result<(), HandlerError> {
    Err(HandlerError::reject("it is rejected"))
}

/// A service whose handler has [`EVENTS`] running attempts.
struct RunningAttempts {
    node: Arc<Node>,
    virtual_host: VirtualHost,
    traffic: Traffic,
    open: watch::Sender<bool>,
}

/// Starts one of the handlers above and waits until it runs all events.
macro_rules! attempts {
    ($harness:expr, $handler:ident) => {{
        let node = $harness.shared_node().await;
        let virtual_host = $harness.virtual_host(&node).await;
        let load = Load::on(&virtual_host.url)
            .publishers(0, 0)
            .handled_by(SERVICE, &[stringify!($handler)]);
        let mut traffic = load.clone().start($harness).await;
        let (open, opened) = watch::channel(false);
        let gate = Gate {
            handler_log: traffic.handler_log().clone(),
            entered: Arc::default(),
            failed: Arc::default(),
            open: opened,
        };
        let bus = load.bus().await;
        let app = App::new(SERVICE)
            .state(gate.clone())
            .handlers(handlers![$handler]);
        let app = within("the start of the app", app.start(&bus)).await;
        traffic.attach(app.expect("the app starts"), bus);
        flush(&node).await;
        traffic.burst(EVENTS).await;
        until("the handler runs all events", async || {
            gate.entered.load(Ordering::Relaxed) == EVENTS
        })
        .await;
        RunningAttempts {
            node,
            virtual_host,
            traffic,
            open,
        }
    }};
}

impl RunningAttempts {
    /// Opens the gate while the queue processes no acks. Kills and restarts the broker once `done`.
    async fn kill_without_acks(&mut self, handler: &str, done: impl AsyncFnMut(&mut Traffic) -> bool) {
        suspend_queue(&self.node, &self.virtual_host, &format!("{SERVICE}.{handler}")).await;
        self.kill_when(done).await;
    }

    /// Opens the gate. Kills and restarts the broker once `done`.
    async fn kill_when(&mut self, mut done: impl AsyncFnMut(&mut Traffic) -> bool) {
        self.open.send_replace(true);
        until("everything is done except the acks", async || {
            done(&mut self.traffic).await
        })
        .await;
        super::killed::kill(&self.node).await;
    }
}

/// The retries are confirmed, but the acks never arrive.
pub(super) async fn delay_and_ack(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let mut attempts = attempts!(harness, failing);
        let client = ForeignClient::connect(&attempts.virtual_host.url).await;
        let node = Arc::clone(&attempts.node);
        attempts
            .kill_without_acks("failing", async |_| {
                if !retries_wait(&client, "failing").await {
                    return false;
                }
                // This fault must not lose the delay queue, which was just declared.
                flush(&node).await;
                true
            })
            .await;
        all.add(&twice(harness, attempts).await);
    }
    all
}

/// The broker is killed right after it declared the delay queue. It restarts with an empty queue.
pub(super) async fn fresh_delay(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let mut attempts = attempts!(harness, failing_once);
        let client = ForeignClient::connect(&attempts.virtual_host.url).await;
        attempts
            .kill_when(async |_| retries_wait(&client, "failing_once").await)
            .await;
        all.add(&attempts.traffic.finish().await.into_row(harness.row_of(1)));
    }
    all
}

/// Whether all failed events are in the delay queue.
async fn retries_wait(client: &ForeignClient, handler: &str) -> bool {
    let waiting = client.depth(&delays::queue(handler, "15s")).await;
    waiting == u32::try_from(EVENTS / 2).ok()
}

/// The handlers have finished, but the acks never arrive.
pub(super) async fn handler_and_ack(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let mut attempts = attempts!(harness, finishing);
        attempts
            .kill_without_acks("finishing", async |traffic| {
                traffic.finished_by("finishing") == EVENTS
            })
            .await;
        all.add(&twice(harness, attempts).await);
    }
    all
}

/// Waits until every event was delivered twice and returns the row.
async fn twice(harness: &Harness, mut attempts: RunningAttempts) -> Row {
    until("every event was redelivered", async || {
        attempts.traffic.finished() >= 2 * EVENTS
    })
    .await;
    let mut row = attempts.traffic.finish().await.into_row(harness.row_of(1));
    let redelivered = row.redelivered;
    row.check(redelivered >= EVENTS as u64, || {
        format!("only {redelivered} events were redelivered: the broker was killed too late")
    });
    row
}

/// The broker is killed while a dead-letter queue refuses dead letters. Later the queue accepts them.
pub(super) async fn refused_dead_letters(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let node = harness.shared_node().await;
        let virtual_host = harness.virtual_host(&node).await;
        let load = Load::on(&virtual_host.url)
            .publishers(0, 0)
            .handled_by(SERVICE, &["rejecting"]);
        let mut traffic = load.clone().start(harness).await;
        let bus = load.bus().await;
        let app = App::new(SERVICE).handlers(handlers![rejecting]).start(&bus);
        traffic.attach(
            within("the start of the app", app).await.expect("the app starts"),
            bus,
        );
        limit_queues(&node, &virtual_host, r"\.dlq$", 1).await;
        flush(&node).await;
        traffic.burst(EVENTS).await;
        let has_trouble = async || {
            let health = traffic.app().health();
            health.handlers.iter().any(|handler| handler.trouble.is_some())
        };
        until("the health reports refused dead letters", has_trouble).await;
        super::killed::kill(&node).await;
        until("the health reports refused dead letters again", async || {
            traffic.app().health().bus.is_ready() && has_trouble().await
        })
        .await;
        limit_queues(&node, &virtual_host, r"\.dlq$", 1_000_000).await;
        flush(&node).await;
        let mut row = traffic.finish().await.into_row(harness.row_of(1));
        let dead = row.dead_lettered;
        row.check(dead == EVENTS as u64, || {
            format!("{dead} of {EVENTS} events are dead letters")
        });
        all.add(&row);
    }
    all
}

/// Suspends the process of a queue, so that it handles no acks until its node is killed.
async fn suspend_queue(node: &Arc<Node>, virtual_host: &VirtualHost, queue: &str) {
    let expression = format!(
        "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{}\">>, queue, <<\"{queue}\">>)), \
         {{Name, _}} = amqqueue:get_pid(Q), ok = sys:suspend(Name).",
        virtual_host.vhost
    );
    let node = Arc::clone(node);
    blocking(move || node.ctl(&["eval", &expression]).expect("the queue is suspended")).await;
}

/// Makes the node write its tables, so that a kill loses no queue and no policy.
async fn flush(node: &Arc<Node>) {
    let node = Arc::clone(node);
    blocking(move || node.flush().expect("the node writes its tables")).await;
}
