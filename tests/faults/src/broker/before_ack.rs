//! The broker is killed at the worst moment: when everything is done and no delivery is acked.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidings::{App, Delivery, Event, HandlerError, State, event_handler, handlers};
use tidings_broker::Node;
use tokio::sync::watch;

use crate::delays;
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::SERVICE;
use crate::harness::{Harness, VirtualHost};
use crate::row::Row;
use crate::traffic::{Load, Traffic};
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{blocking, until, within};

/// How many events are in flight at that moment.
const EVENTS: usize = 1_000;

/// Blocks the first attempts of all events until it is opened.
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

/// Fails every other event once. All attempts end together, since the breaker opens after twenty failures in a row.
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
        return Err(HandlerError::retry("not at first"));
    }
    gate.handler_log
        .record("failing", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// The same, but an event whose retry was lost does not fail again.
#[event_handler(
    "fault.noted",
    concurrency = 1000,
    prefetch = 1000,
    timeout = "5m",
    retry(rungs = "5m")
)]
async fn stumbling(event: Event<Noted>, State(gate): State<Gate>) -> Result<(), HandlerError> {
    gate.pass().await;
    let mut failed = gate.failed.lock().unwrap_or_else(PoisonError::into_inner);
    if !event.number.is_multiple_of(2) && failed.insert(event.number) {
        return Err(HandlerError::retry("not at first"));
    }
    gate.handler_log
        .record("stumbling", event.number, event.id(), &event.aggregate);
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

/// A service with one handler that has 1,000 running attempts.
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
        let down = Arc::clone(&node);
        blocking(move || down.flush().expect("the node writes its tables")).await;
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

/// Retries are confirmed, acks never arrive.
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
                // The delay queue is new, and its loss is not the subject of this fault.
                let node = Arc::clone(&node);
                blocking(move || node.flush().expect("the node writes its tables")).await;
                true
            })
            .await;
        all.add(&twice(harness, attempts).await);
    }
    all
}

/// The delay queue was declared a moment before. A node that is killed then restarts with an empty queue.
pub(super) async fn fresh_delay(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let mut attempts = attempts!(harness, stumbling);
        let client = ForeignClient::connect(&attempts.virtual_host.url).await;
        attempts
            .kill_when(async |_| retries_wait(&client, "stumbling").await)
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

/// Handlers have finished, acks never arrive.
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

/// The row of a run in which every event is delivered twice.
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

/// The dead-letter queue refuses, the broker is killed meanwhile, and the queue accepts in the end.
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
        policy(
            &node,
            &virtual_host,
            r#"{"max-length":1,"overflow":"reject-publish"}"#,
        )
        .await;
        traffic.burst(EVENTS).await;
        let troubled = async || {
            let health = traffic.app().health();
            health.handlers.iter().any(|handler| handler.trouble.is_some())
        };
        until("the health reports refused dead letters", troubled).await;
        super::killed::kill(&node).await;
        until("the health reports it again", async || {
            traffic.app().health().bus.is_ready() && troubled().await
        })
        .await;
        policy(
            &node,
            &virtual_host,
            r#"{"max-length":1000000,"overflow":"reject-publish"}"#,
        )
        .await;
        let mut row = traffic.finish().await.into_row(harness.row_of(1));
        let dead = row.dead_lettered;
        row.check(dead == EVENTS as u64, || {
            format!("{dead} of {EVENTS} events are dead letters")
        });
        all.add(&row);
    }
    all
}

/// Suspends the process of a queue, so that it handles no messages, not even acks, until its node is killed.
async fn suspend_queue(node: &Arc<Node>, virtual_host: &VirtualHost, queue: &str) {
    let expression = format!(
        "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{}\">>, queue, <<\"{queue}\">>)), \
         {{Name, _}} = amqqueue:get_pid(Q), ok = sys:suspend(Name).",
        virtual_host.vhost
    );
    let node = Arc::clone(node);
    blocking(move || node.ctl(&["eval", &expression]).expect("the queue is suspended")).await;
}

/// Sets a policy for the dead-letter queues of the virtual host.
async fn policy(node: &Arc<Node>, virtual_host: &VirtualHost, definition: &'static str) {
    let (node, vhost) = (Arc::clone(node), virtual_host.vhost.clone());
    blocking(move || {
        let set = [
            "set_policy",
            "-p",
            &vhost,
            "dead",
            r"\.dlq$",
            definition,
            "--apply-to",
            "queues",
        ];
        node.ctl(&set).expect("the policy is set");
        node.flush().expect("the node writes its tables");
    })
    .await;
}
