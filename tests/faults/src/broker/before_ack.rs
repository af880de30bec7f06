//! The broker is killed at the worst of moments: when all is done and nothing is acknowledged.

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

/// How many events are under way at that moment.
const EVENTS: usize = 1_000;

/// Holds the first attempts of all events until it opens.
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

/// Fails every other event once, all together: of what fails twenty times in a row the breaker takes no more.
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

/// The same, but an event whose retry is lost does not fail again.
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

/// Finishes all events together.
#[event_handler("fault.noted", concurrency = 1000, prefetch = 1000, timeout = "5m")]
async fn finishing(event: Event<Noted>, State(gate): State<Gate>) {
    gate.pass().await;
    gate.handler_log
        .record("finishing", event.number, event.id(), &event.aggregate);
}

/// Gives up on every event.
#[event_handler("fault.noted")]
async fn rejecting(_event: Event<Noted>) -> Result<(), HandlerError> {
    Err(HandlerError::reject("nobody wants it"))
}

/// A service with one handler, a thousand events in its hands.
struct Held {
    node: Arc<Node>,
    virtual_host: VirtualHost,
    traffic: Traffic,
    open: watch::Sender<bool>,
}

/// Starts one of the handlers above, and waits until it holds all events.
macro_rules! held {
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
        blocking(move || down.flush().expect("the node writes down its queues")).await;
        traffic.burst(EVENTS).await;
        until("the handler has all events in its hands", async || {
            gate.entered.load(Ordering::Relaxed) == EVENTS
        })
        .await;
        Held {
            node,
            virtual_host,
            traffic,
            open,
        }
    }};
}

impl Held {
    /// Lets the handler go on while its queue hears of nothing; kills the broker once `done`, and starts it again.
    async fn kill_once(&mut self, handler: &str, done: impl AsyncFnMut(&mut Traffic) -> bool) {
        deafen(&self.node, &self.virtual_host, &format!("{SERVICE}.{handler}")).await;
        self.kill_when(done).await;
    }

    /// Lets the handler go on; kills the broker once `done`, and starts it again.
    async fn kill_when(&mut self, mut done: impl AsyncFnMut(&mut Traffic) -> bool) {
        self.open.send_replace(true);
        until("all is done but the acknowledgements", async || {
            done(&mut self.traffic).await
        })
        .await;
        super::killed::kill(&self.node).await;
    }
}

/// Publishes to the delay queue are confirmed, acknowledgements never arrive.
pub(super) async fn delay_and_ack(harness: &Harness) -> Row {
    let mut all = nothing(harness);
    for _ in 0..harness.times() {
        let mut held = held!(harness, failing);
        let client = ForeignClient::connect(&held.virtual_host.url).await;
        let node = Arc::clone(&held.node);
        held.kill_once("failing", async |_| {
            if !retries_wait(&client, "failing").await {
                return false;
            }
            // Their queue was made a moment ago, and is not what this is about.
            let node = Arc::clone(&node);
            blocking(move || node.flush().expect("the node writes down its queues")).await;
            true
        })
        .await;
        all.add(&twice(harness, held).await);
    }
    all
}

/// The queue of the delay was declared for the first of the retries, a moment ago. A node that is killed then starts it
/// again empty.
pub(super) async fn fresh_delay(harness: &Harness) -> Row {
    let mut all = nothing(harness);
    for _ in 0..harness.times() {
        let mut held = held!(harness, stumbling);
        let client = ForeignClient::connect(&held.virtual_host.url).await;
        held.kill_when(async |_| retries_wait(&client, "stumbling").await)
            .await;
        all.add(&held.traffic.finish().await.into_row(once(harness)));
    }
    all
}

/// Whether all events that fail wait for their next attempt.
async fn retries_wait(client: &ForeignClient, handler: &str) -> bool {
    let waiting = client.depth(&delays::queue(handler, "15s")).await;
    waiting == u32::try_from(EVENTS / 2).ok()
}

/// Handlers have finished, acknowledgements never arrive.
pub(super) async fn handler_and_ack(harness: &Harness) -> Row {
    let mut all = nothing(harness);
    for _ in 0..harness.times() {
        let mut held = held!(harness, finishing);
        held.kill_once("finishing", async |traffic| {
            traffic.finished_by("finishing") == EVENTS
        })
        .await;
        all.add(&twice(harness, held).await);
    }
    all
}

/// The account of a run in which every event came twice.
async fn twice(harness: &Harness, mut held: Held) -> Row {
    until("every event has come again", async || {
        held.traffic.finished() >= 2 * EVENTS
    })
    .await;
    let mut row = held.traffic.finish().await.into_row(once(harness));
    let redelivered = row.redelivered;
    row.check(redelivered >= EVENTS as u64, || {
        format!("only {redelivered} came again: the moment was missed")
    });
    row
}

/// Dead letters are refused, the broker is killed meanwhile, and takes them in the end.
pub(super) async fn refused_dead_letters(harness: &Harness) -> Row {
    let mut all = nothing(harness);
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
        until("health says that dead letters are refused", troubled).await;
        super::killed::kill(&node).await;
        until("health says so again", async || {
            traffic.app().health().bus.is_ready() && troubled().await
        })
        .await;
        policy(
            &node,
            &virtual_host,
            r#"{"max-length":1000000,"overflow":"reject-publish"}"#,
        )
        .await;
        let mut row = traffic.finish().await.into_row(once(harness));
        let dead = row.dead_lettered;
        row.check(dead == EVENTS as u64, || {
            format!("{dead} of {EVENTS} are in the dead letters")
        });
        all.add(&row);
    }
    all
}

fn nothing(harness: &Harness) -> Row {
    Row {
        times: 0,
        ..harness.row()
    }
}

fn once(harness: &Harness) -> Row {
    Row {
        times: 1,
        ..harness.row()
    }
}

/// Keeps a queue from hearing of anything more, acknowledgements among it, until its node is killed.
async fn deafen(node: &Arc<Node>, virtual_host: &VirtualHost, queue: &str) {
    let expression = format!(
        "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{}\">>, queue, <<\"{queue}\">>)), \
         {{Name, _}} = amqqueue:get_pid(Q), ok = sys:suspend(Name).",
        virtual_host.vhost
    );
    let node = Arc::clone(node);
    blocking(move || node.ctl(&["eval", &expression]).expect("the queue is deaf")).await;
}

/// Sets the one policy of the room, for its dead letters.
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
        node.flush().expect("the node writes down its queues");
    })
    .await;
}
