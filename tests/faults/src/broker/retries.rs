//! A hundred retries cannot return to their queue. The retries of another queue must still be in time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lapin::BasicProperties;
use tidings::{App, Bus, Event, HandlerError, RunningApp, State, event_handler, handlers};
use tidings_broker::Node;

use super::queue_full::limit_queues;
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::SERVICE;
use crate::harness::Harness;
use crate::row::Row;
use crate::traffic::{Load, Traffic};
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{becomes_true, blocking, until, within};

/// The rung of the handler `stuck`, which leaves time to delete or fill its queue.
const STUCK_RUNG: Duration = Duration::from_secs(15);
/// The rung of the handler `other`.
const RUNG: Duration = Duration::from_secs(5);
/// How late a retry may be.
const LATE: Duration = Duration::from_secs(1);
/// How many events each handler receives.
const EVENTS: usize = 208;
/// How many of these events must at least be retried.
const RETRIES: usize = 100;
/// How many hundreds of retries return to a full queue. RabbitMQ 4.3 accepts up to 200 before it refuses a sender, and
/// at least a hundred must wait.
const HUNDREDS: usize = 6;

/// When attempts failed, and how long their retries took.
#[derive(Debug, Clone)]
struct Timing {
    handler_log: HandlerLog,
    failed_once: Arc<Mutex<HashSet<u64>>>,
    failed_at: Arc<Mutex<HashMap<u64, Instant>>>,
    waited: Arc<Mutex<HashMap<u64, Duration>>>,
    stuck_failures: Arc<Mutex<usize>>,
    finished_by_stuck: Arc<Mutex<HashSet<u64>>>,
    stuck_succeeds: Arc<AtomicBool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails every other event until `stuck_succeeds`. The breaker would open if all events failed.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "15s"))]
async fn stuck(event: Event<Noted>, State(timing): State<Timing>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(2) || timing.stuck_succeeds.load(Ordering::Relaxed) {
        timing
            .handler_log
            .record("stuck", event.number, event.id(), &event.aggregate);
        lock(&timing.finished_by_stuck).insert(event.number);
        return Ok(());
    }
    *lock(&timing.stuck_failures) += 1;
    Err(HandlerError::retry("it fails"))
}

/// Fails every other event once. It does not use the attempt number, because an open breaker counts no attempts.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "5s"))]
async fn other(event: Event<Noted>, State(timing): State<Timing>) -> Result<(), HandlerError> {
    let mut failed_at = lock(&timing.failed_at);
    if !event.number.is_multiple_of(2) && lock(&timing.failed_once).insert(event.number) {
        failed_at.insert(event.number, Instant::now());
        return Err(HandlerError::retry("the first attempt fails"));
    }
    if let Some(failed_at) = failed_at.get(&event.number) {
        lock(&timing.waited).insert(event.number, failed_at.elapsed());
    }
    timing
        .handler_log
        .record("other", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// A stopped service whose handler `stuck` has at least a hundred retries in its delay queue.
struct WaitingRetries {
    traffic: Traffic,
    load: Load,
    timing: Timing,
    client: ForeignClient,
    /// When the last retry returns.
    due: Instant,
}

impl WaitingRetries {
    async fn start(harness: &Harness, load: Load, hundreds: usize) -> Self {
        let traffic = load.clone().start(harness).await;
        let timing = Timing {
            handler_log: traffic.handler_log().clone(),
            failed_once: Arc::default(),
            failed_at: Arc::default(),
            waited: Arc::default(),
            stuck_failures: Arc::default(),
            finished_by_stuck: Arc::default(),
            stuck_succeeds: Arc::default(),
        };
        let client = ForeignClient::connect(load.url()).await;
        let mut retries = Self {
            traffic,
            load,
            timing,
            client,
            due: Instant::now(),
        };
        let (app, bus) = start_app(&retries.load, &retries.timing, |app| {
            app.handlers(handlers![stuck, other])
        })
        .await;
        retries.traffic.burst(hundreds * EVENTS).await;
        until("every other event has failed once", async || {
            *lock(&retries.timing.stuck_failures) >= hundreds * RETRIES
        })
        .await;
        retries.due = Instant::now() + STUCK_RUNG;
        // A shutdown waits until all retries are published.
        within("the shutdown", app.shutdown())
            .await
            .expect("the app ends");
        bus.close().await;
        retries
    }

    /// Starts a service with the handler `other` only, and checks that its retries are in time.
    async fn check_other_retries(mut self, row: Row) -> Row {
        // Earlier retries returned while no handler ran, so they are not measured.
        lock(&self.timing.failed_at).clear();
        let (app, bus) = start_app(&self.load, &self.timing, |app| app.handlers(handlers![other])).await;
        self.traffic.attach(app, bus);
        self.traffic.burst(EVENTS).await;
        let account = self.traffic.finish().await;
        let orphans = account.orphans;
        let mut row = account.into_row(row);
        let waited = lock(&self.timing.waited);
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
async fn start_app(
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
        .handled_by(SERVICE, &["other"])
        .settings(|builder| builder.speed_up(1))
        .with_orphans()
}

/// The retries of a deleted queue go to the orphans queue.
pub(super) async fn of_a_deleted_queue(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let virtual_host = harness.virtual_host(&harness.shared_node().await).await;
        let retries = WaitingRetries::start(harness, load(&virtual_host.url), 1).await;
        retries
            .client
            .delete_queue("faults.stuck")
            .await
            .expect("the queue is deleted");
        all.add(&retries.check_other_retries(harness.row_of(1)).await);
        let client = ForeignClient::connect(&virtual_host.url).await;
        let kept = becomes_true(2 * STUCK_RUNG, async || {
            let orphans = client.depth("faults.orphans").await.unwrap_or_default();
            orphans as usize >= RETRIES
        });
        all.check(kept.await, || {
            format!("not all {RETRIES} retries are in the orphans queue")
        });
    }
    all
}

/// The retries of a full queue wait until the queue accepts them.
pub(super) async fn of_a_full_queue(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    let node = harness.shared_node().await;
    set_worker_timeout(&node, "5000").await;
    for _ in 0..harness.times() {
        let virtual_host = harness.virtual_host(&node).await;
        let retries = WaitingRetries::start(harness, load(&virtual_host.url), HUNDREDS).await;
        // A full queue that is bound would refuse the events of the publishers too.
        let unbound = retries.client.unbind("faults.stuck", "fault.noted").await;
        unbound.expect("the queue is unbound");
        limit_queues(&node, &virtual_host, r"\.stuck$", 1).await;
        until("the queue refuses", async || {
            let publish = retries
                .client
                .publish("", "faults.stuck", BasicProperties::default(), b"{}");
            !publish.await.expect("the broker answers")
        })
        .await;
        // After this time the dead-letter worker has tried to deliver all retries.
        tokio::time::sleep_until((retries.due + LATE).into()).await;
        let (load, timing) = (retries.load.clone(), retries.timing.clone());
        let mut row = retries.check_other_retries(harness.row_of(1)).await;
        let client = ForeignClient::connect(&virtual_host.url).await;
        let accepted = client.depth("faults.stuck").await.expect("the queue exists") as usize;
        row.check(accepted <= (HUNDREDS - 1) * RETRIES, || {
            format!("the full queue accepted {accepted} of {}", HUNDREDS * RETRIES)
        });
        // The policy stays, because a queue that loses its limit and its overflow setting at once never reports room.
        limit_queues(&node, &virtual_host, r"\.stuck$", 1_000_000).await;
        timing.stuck_succeeds.store(true, Ordering::Relaxed);
        let (app, bus) = start_app(&load, &timing, |app| app.handlers(handlers![stuck])).await;
        let finished = || lock(&timing.finished_by_stuck).len();
        let all_returned =
            becomes_true(Duration::from_mins(1), async || finished() >= HUNDREDS * EVENTS).await;
        row.check(all_returned, || {
            let finished = finished();
            format!(
                "{finished} of {} events were finished after the queue accepted messages again",
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
