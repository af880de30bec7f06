//! A hundred retries wait for a queue that will not have them: the retries of other queues are in time.

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

/// The rung of the queue that will not have its retries: time enough to delete it, or to let it refuse.
const DOOMED: Duration = Duration::from_secs(15);
/// The rung of the other.
const RUNG: Duration = Duration::from_secs(5);
/// How much later a retry may come.
const LATE: Duration = Duration::from_secs(1);
/// How many events each handler gets.
const EVENTS: usize = 208;
/// How many of them are tried again: how many retries wait in vain, and how many are to come back beside them.
const RETRIES: usize = 100;

/// How many hundreds of retries come back to a queue that is full: 4.3 lets up to two hundred in before it refuses those
/// from one sender, and a hundred are to wait.
const HUNDREDS: usize = 6;

/// When attempts failed, and how long after the next one came.
#[derive(Debug, Clone)]
struct Times {
    handler_log: HandlerLog,
    seen: Arc<Mutex<HashSet<u64>>>,
    failed: Arc<Mutex<HashMap<u64, Instant>>>,
    waited: Arc<Mutex<HashMap<u64, Duration>>>,
    doomed: Arc<Mutex<usize>>,
    finished_by_doomed: Arc<Mutex<HashSet<u64>>>,
    healed: Arc<AtomicBool>,
}

impl Times {
    fn finished_by_doomed(&self) -> usize {
        let finished = self.finished_by_doomed.lock();
        finished.unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Fails until it is healed, but for every other event: of what never succeeds the breaker takes no more.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "15s"))]
async fn doomed(event: Event<Noted>, State(times): State<Times>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(2) || times.healed.load(Ordering::Relaxed) {
        times
            .handler_log
            .record("doomed", event.number, event.id(), &event.aggregate);
        let mut finished = times
            .finished_by_doomed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        finished.insert(event.number);
        return Ok(());
    }
    *times.doomed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    Err(HandlerError::retry("never"))
}

/// Fails every other event once, whatever attempt it is: while a breaker is open none is counted.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "5s"))]
async fn prompt(event: Event<Noted>, State(times): State<Times>) -> Result<(), HandlerError> {
    let mut failed = times.failed.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seen = times.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !event.number.is_multiple_of(2) && seen.insert(event.number) {
        failed.insert(event.number, Instant::now());
        return Err(HandlerError::retry("not at first"));
    }
    if let Some(failed) = failed.get(&event.number) {
        let mut waited = times.waited.lock().unwrap_or_else(PoisonError::into_inner);
        waited.insert(event.number, failed.elapsed());
    }
    times
        .handler_log
        .record("prompt", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// A service of which one handler is deleted with a hundred of its retries under way.
struct Doomed {
    traffic: Traffic,
    load: Load,
    times: Times,
    client: ForeignClient,
    /// When the last of the retries comes back.
    due: Instant,
}

impl Doomed {
    async fn start(harness: &Harness, load: Load, hundreds: usize) -> Self {
        let traffic = load.clone().start(harness).await;
        let times = Times {
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
            times,
            client,
            due: Instant::now(),
        };
        let (app, bus) = scene.app(|app| app.handlers(handlers![doomed, prompt])).await;
        scene.traffic.burst(hundreds * EVENTS).await;
        until("all have failed once", async || {
            *scene.times.doomed.lock().unwrap_or_else(PoisonError::into_inner) >= hundreds * RETRIES
        })
        .await;
        scene.due = Instant::now() + DOOMED;
        // What has failed is on its way to the delay queue: a shutdown waits for it.
        within("the shutdown", app.shutdown())
            .await
            .expect("the app ends");
        bus.close().await;
        scene
    }

    async fn app(&self, handlers: impl FnOnce(App<Times>) -> App<Times>) -> (RunningApp, Bus) {
        app_of(&self.load, &self.times, handlers).await
    }

    /// Publishes on, to the other handler alone; whether its retries came back in time.
    async fn others_are_in_time(mut self, row: Row) -> Row {
        // Those of before came back while nobody was there to take them, and are not measured.
        self.times
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
        let waited = self.times.waited.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = waited.values().max().copied().unwrap_or_default();
        eprintln!(
            "{}: {} retries, {longest:?} at most; {orphans} orphans",
            row.fault,
            waited.len()
        );
        row.check(waited.len() >= RETRIES, || {
            format!("{} of {RETRIES} were tried again", waited.len())
        });
        row.check(longest <= RUNG + LATE, || {
            format!("a retry came back after {longest:?}, its rung being {RUNG:?}")
        });
        row
    }
}

/// An app of some of the handlers.
async fn app_of(
    load: &Load,
    times: &Times,
    handlers: impl FnOnce(App<Times>) -> App<Times>,
) -> (RunningApp, Bus) {
    let bus = load.bus().await;
    let app = handlers(App::new(SERVICE).state(times.clone()));
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

/// The queue was deleted: its retries are kept among the orphans.
pub(super) async fn of_a_queue_that_is_gone(harness: &Harness) -> Row {
    let mut all = Row {
        times: 0,
        ..harness.row()
    };
    for _ in 0..harness.times() {
        let virtual_host = harness.virtual_host(&harness.shared_node().await).await;
        let scene = Doomed::start(harness, load(&virtual_host.url), 1).await;
        scene
            .client
            .delete_queue("faults.doomed")
            .await
            .expect("the queue is deleted");
        all.add(&scene.others_are_in_time(once(harness)).await);
        let client = ForeignClient::connect(&virtual_host.url).await;
        let kept = becomes_true(2 * DOOMED, async || {
            let orphans = client.depth("faults.orphans").await.unwrap_or_default();
            orphans as usize >= RETRIES
        });
        all.check(kept.await, || {
            format!("not all {RETRIES} retries of the queue are kept")
        });
    }
    all
}

/// The queue refuses: its retries wait on until it has room.
pub(super) async fn of_a_queue_that_is_full(harness: &Harness) -> Row {
    let mut all = Row {
        times: 0,
        ..harness.row()
    };
    let node = harness.shared_node().await;
    try_again_after(&node, "5000").await;
    for _ in 0..harness.times() {
        let virtual_host = harness.virtual_host(&node).await;
        let scene = Doomed::start(harness, load(&virtual_host.url), HUNDREDS).await;
        // What is published from now on is for the other handler alone: the publishers would be refused, too.
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
        // Their worker has found out by then.
        tokio::time::sleep_until((scene.due + LATE).into()).await;
        let (load, times) = (scene.load.clone(), scene.times.clone());
        let mut row = scene.others_are_in_time(once(harness)).await;
        let taken = ForeignClient::connect(&virtual_host.url)
            .await
            .depth("faults.doomed")
            .await;
        let taken = taken.expect("the queue is there") as usize;
        row.check(taken <= (HUNDREDS - 1) * RETRIES, || {
            format!(
                "the queue that was to be full took {taken} of {}",
                HUNDREDS * RETRIES
            )
        });
        // The limit goes by and by: a queue that loses both at once never says that it has room again.
        limit(
            &node,
            &virtual_host,
            r#"{"max-length":1000000,"overflow":"reject-publish"}"#,
        )
        .await;
        times.healed.store(true, Ordering::Relaxed);
        let (app, bus) = app_of(&load, &times, |app| app.handlers(handlers![doomed])).await;
        let come_back = becomes_true(Duration::from_mins(1), async || {
            times.finished_by_doomed() >= HUNDREDS * EVENTS
        })
        .await;
        row.check(come_back, || {
            let finished = times.finished_by_doomed();
            format!(
                "{finished} of {} came back once there was room",
                HUNDREDS * EVENTS
            )
        });
        within("the shutdown", app.shutdown())
            .await
            .expect("the app ends");
        bus.close().await;
        all.add(&row);
    }
    try_again_after(&node, "180000").await;
    all
}

/// How long the workers of queues that are declared from now on wait before they try again what was refused.
async fn try_again_after(node: &Arc<Node>, millis: &'static str) {
    let node = Arc::clone(node);
    blocking(move || {
        let set =
            format!("application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, {millis}).");
        node.ctl(&["eval", &set]).expect("the time is set");
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

fn once(harness: &Harness) -> Row {
    Row {
        times: 1,
        ..harness.row()
    }
}
