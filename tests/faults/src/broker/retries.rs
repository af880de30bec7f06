//! A hundred retries cannot return to their queue: the retries of other queues must be in time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::BasicProperties;
use tidings::{App, Bus, Event, HandlerError, RunningApp, State, event_handler, handlers};

use tidings_broker::Node;

use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::SERVICE;
use crate::harness::{Harness, VirtualHost};
use crate::row::Row;
use crate::traffic::{Load, Traffic};
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{becomes_true, blocking, until, within};

/// The rung of the queue that is deleted or full: it leaves time for that.
const DOOMED: Duration = Duration::from_secs(15);
/// The rung of the other queue.
const RUNG: Duration = Duration::from_secs(5);
/// How late a retry may be.
const LATE: Duration = Duration::from_secs(1);
/// How many events each handler receives.
const EVENTS: usize = 208;
/// How many of them are retried.
const RETRIES: usize = 100;

/// How many hundreds of retries return to a full queue. RabbitMQ 4.3 accepts up to 200 before it refuses a sender, and a
/// hundred must wait.
const HUNDREDS: usize = 6;

/// When attempts failed, and how long their retries took.
#[derive(Debug, Clone)]
struct Timing {
    handler_log: HandlerLog,
    seen: Arc<Mutex<HashSet<u64>>>,
    failed: Arc<Mutex<HashMap<u64, Instant>>>,
    waited: Arc<Mutex<HashMap<u64, Duration>>>,
    doomed: Arc<Mutex<usize>>,
    finished_by_doomed: Arc<Mutex<HashSet<u64>>>,
    healed: Arc<AtomicBool>,
}

impl Timing {
    fn finished_by_doomed(&self) -> usize {
        let finished = self.finished_by_doomed.lock();
        finished.unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Fails every other event until `healed`. If all failed, the breaker would open.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "15s"))]
async fn doomed(event: Event<Noted>, State(timing): State<Timing>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(2) || timing.healed.load(Ordering::Relaxed) {
        timing
            .handler_log
            .record("doomed", event.number, event.id(), &event.aggregate);
        let mut finished = timing
            .finished_by_doomed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        finished.insert(event.number);
        return Ok(());
    }
    *timing.doomed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    Err(HandlerError::retry("never"))
}

/// Fails every other event once. It does not use the attempt number: an open breaker counts no attempts.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "5s"))]
async fn prompt(event: Event<Noted>, State(timing): State<Timing>) -> Result<(), HandlerError> {
    let mut failed = timing.failed.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seen = timing.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !event.number.is_multiple_of(2) && seen.insert(event.number) {
        failed.insert(event.number, Instant::now());
        return Err(HandlerError::retry("not at first"));
    }
    if let Some(failed) = failed.get(&event.number) {
        let mut waited = timing.waited.lock().unwrap_or_else(PoisonError::into_inner);
        waited.insert(event.number, failed.elapsed());
    }
    timing
        .handler_log
        .record("prompt", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// A service without the handler `doomed`, of which a hundred retries are in flight.
struct Scene {
    traffic: Traffic,
    load: Load,
    timing: Timing,
    client: ForeignClient,
    /// When the last retry returns.
    due: Instant,
}

impl Scene {
    async fn start(harness: &Harness, load: Load, hundreds: usize) -> Self {
        let traffic = load.clone().start(harness).await;
        let timing = Timing {
            handler_log: traffic.handler_log().clone(),
            seen: Arc::default(),
            failed: Arc::default(),
            waited: Arc::default(),
            doomed: Arc::default(),
            finished_by_doomed: Arc::default(),
            healed: Arc::default(),
        };
        let client = ForeignClient::connect(load.url()).await;
        let mut scene = Self {
            traffic,
            load,
            timing,
            client,
            due: Instant::now(),
        };
        let (app, bus) = scene.app(|app| app.handlers(handlers![doomed, prompt])).await;
        scene.traffic.burst(hundreds * EVENTS).await;
        until("every event has failed once", async || {
            *scene.timing.doomed.lock().unwrap_or_else(PoisonError::into_inner) >= hundreds * RETRIES
        })
        .await;
        scene.due = Instant::now() + DOOMED;
        // A shutdown waits until the retries of failed events are published.
        within("the shutdown", app.shutdown())
            .await
            .expect("the app ends");
        bus.close().await;
        scene
    }

    async fn app(&self, handlers: impl FnOnce(App<Timing>) -> App<Timing>) -> (RunningApp, Bus) {
        app_of(&self.load, &self.timing, handlers).await
    }

    /// Publishes to the other handler only and checks that its retries are in time.
    async fn check_other_retries(mut self, row: Row) -> Row {
        // Earlier retries returned while no handler ran, so they are not measured.
        self.timing
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let (app, bus) = self.app(|app| app.handlers(handlers![prompt])).await;
        self.traffic.attach(app, bus);
        self.traffic.burst(EVENTS).await;
        let account = self.traffic.finish().await;
        let orphans = account.orphans;
        let mut row = account.into_row(row);
        let waited = self.timing.waited.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = waited.values().max().copied().unwrap_or_default();
        eprintln!(
            "{}: {} retries, {longest:?} at most; {orphans} orphans",
            row.fault,
            waited.len()
        );
        row.check(waited.len() >= RETRIES, || {
            format!("{} of {RETRIES} events were retried", waited.len())
        });
        row.check(longest <= RUNG + LATE, || {
            format!("a retry of the rung {RUNG:?} returned after {longest:?}")
        });
        row
    }
}

/// Starts an app with some of the handlers.
async fn app_of(
    load: &Load,
    timing: &Timing,
    handlers: impl FnOnce(App<Timing>) -> App<Timing>,
) -> (RunningApp, Bus) {
    let bus = load.bus().await;
    let app = handlers(App::new(SERVICE).state(timing.clone()));
    let app = within("the start of the app", app.start(&bus)).await;
    (app.expect("the app starts"), bus)
}

fn load(url: &str) -> Load {
    Load::on(url)
        .publishers(0, 0)
        .handled_by(SERVICE, &["prompt"])
        .settings(|builder| builder.speed_up(1))
        .with_orphans()
}

/// The queue is deleted: its retries go to the orphans queue.
pub(super) async fn of_a_queue_that_is_gone(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let virtual_host = harness.virtual_host(&harness.shared_node().await).await;
        let scene = Scene::start(harness, load(&virtual_host.url), 1).await;
        scene
            .client
            .delete_queue("faults.doomed")
            .await
            .expect("the queue is deleted");
        all.add(&scene.check_other_retries(harness.row_of(1)).await);
        let client = ForeignClient::connect(&virtual_host.url).await;
        let kept = becomes_true(2 * DOOMED, async || {
            let orphans = client.depth("faults.orphans").await.unwrap_or_default();
            orphans as usize >= RETRIES
        });
        all.check(kept.await, || {
            format!("not all {RETRIES} retries are in the orphans queue")
        });
    }
    all
}

/// The queue refuses: its retries wait until it accepts them.
pub(super) async fn of_a_queue_that_is_full(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    let node = harness.shared_node().await;
    set_worker_timeout(&node, "5000").await;
    for _ in 0..harness.times() {
        let virtual_host = harness.virtual_host(&node).await;
        let scene = Scene::start(harness, load(&virtual_host.url), HUNDREDS).await;
        // The full queue is unbound, because it would refuse the publishers as well.
        let unbound = scene.client.unbind("faults.doomed", "fault.noted").await;
        unbound.expect("the queue is unbound");
        limit(
            &node,
            &virtual_host,
            r#"{"max-length":1,"overflow":"reject-publish"}"#,
        )
        .await;
        until("the queue refuses", async || {
            let publish = scene
                .client
                .publish("", "faults.doomed", BasicProperties::default(), b"{}");
            !publish.await.expect("the broker answers")
        })
        .await;
        // By then the dead-letter worker has tried to deliver the retries.
        tokio::time::sleep_until((scene.due + LATE).into()).await;
        let (load, timing) = (scene.load.clone(), scene.timing.clone());
        let mut row = scene.check_other_retries(harness.row_of(1)).await;
        let taken = ForeignClient::connect(&virtual_host.url)
            .await
            .depth("faults.doomed")
            .await;
        let taken = taken.expect("the queue is there") as usize;
        row.check(taken <= (HUNDREDS - 1) * RETRIES, || {
            format!("the full queue accepted {taken} of {}", HUNDREDS * RETRIES)
        });
        // The limit is raised instead of removed: a queue that loses limit and overflow at once never tells that it has room.
        limit(
            &node,
            &virtual_host,
            r#"{"max-length":1000000,"overflow":"reject-publish"}"#,
        )
        .await;
        timing.healed.store(true, Ordering::Relaxed);
        let (app, bus) = app_of(&load, &timing, |app| app.handlers(handlers![doomed])).await;
        let come_back = becomes_true(Duration::from_mins(1), async || {
            timing.finished_by_doomed() >= HUNDREDS * EVENTS
        })
        .await;
        row.check(come_back, || {
            let finished = timing.finished_by_doomed();
            format!(
                "{finished} of {} returned once the queue accepted them",
                HUNDREDS * EVENTS
            )
        });
        within("the shutdown", app.shutdown())
            .await
            .expect("the app ends");
        bus.close().await;
        all.add(&row);
    }
    set_worker_timeout(&node, "180000").await;
    all
}

/// Sets how long dead-letter workers of new queues wait before they retry a refused message.
async fn set_worker_timeout(node: &Arc<Node>, millis: &'static str) {
    let node = Arc::clone(node);
    blocking(move || {
        let set =
            format!("application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, {millis}).");
        node.ctl(&["eval", &set]).expect("the timeout is set");
    })
    .await;
}

async fn limit(node: &Arc<Node>, virtual_host: &VirtualHost, definition: &'static str) {
    let (node, vhost) = (Arc::clone(node), virtual_host.vhost.clone());
    blocking(move || {
        let set = [
            "set_policy",
            "-p",
            &vhost,
            "full",
            r"\.doomed$",
            definition,
            "--apply-to",
            "queues",
        ];
        node.ctl(&set).expect("the policy is set");
    })
    .await;
}
