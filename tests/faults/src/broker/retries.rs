//! A hundred retries wait for a queue that will not have them: the retries of other queues are in time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::BasicProperties;
use lapin::types::FieldTable;
use tidings::{App, Delivery, Event, HandlerError, RunningApp, State, event_handler, handlers};

use crate::event::Noted;
use crate::handlers::SERVICE;
use crate::notebook::Notebook;
use crate::row::Row;
use crate::stage::Stage;
use crate::stranger::Stranger;
use crate::traffic::{Load, Traffic};
use crate::wait::{blocking, until, within};

/// The rung that both handlers wait.
const RUNG: Duration = Duration::from_secs(5);
/// How much later a retry may come.
const LATE: Duration = Duration::from_secs(1);
/// How many events each handler gets.
const EVENTS: usize = 112;
/// How many of them are tried again: how many retries wait in vain, and how many are to come back beside them.
const RETRIES: usize = 100;

/// When attempts failed, and how long after the next one came.
#[derive(Debug, Clone)]
struct Times {
    notebook: Notebook,
    failed: Arc<Mutex<HashMap<u64, Instant>>>,
    waited: Arc<Mutex<HashMap<u64, Duration>>>,
    doomed: Arc<Mutex<usize>>,
}

/// Fails always, but for one event of ten: what never succeeds is not tried any more.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "5s"))]
async fn doomed(event: Event<Noted>, State(times): State<Times>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(10) {
        return Ok(());
    }
    *times.doomed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    Err(HandlerError::retry("never"))
}

/// Fails each event once, but for one of ten.
#[event_handler("fault.noted", concurrency = 256, retry(rungs = "5s"))]
async fn prompt(
    event: Event<Noted>,
    delivery: Delivery,
    State(times): State<Times>,
) -> Result<(), HandlerError> {
    let mut failed = times.failed.lock().unwrap_or_else(PoisonError::into_inner);
    if delivery.attempt() == 1 && !event.number.is_multiple_of(10) {
        failed.insert(event.number, Instant::now());
        return Err(HandlerError::retry("not at first"));
    }
    if let Some(failed) = failed.get(&event.number) {
        let mut waited = times.waited.lock().unwrap_or_else(PoisonError::into_inner);
        waited.insert(event.number, failed.elapsed());
    }
    times
        .notebook
        .note("prompt", event.number, event.id(), &event.line);
    Ok(())
}

/// A service of which one handler is gone with a hundred of its retries under way.
struct Doomed {
    traffic: Traffic,
    load: Load,
    times: Times,
    stranger: Stranger,
}

impl Doomed {
    async fn start(stage: &Stage, load: Load) -> Self {
        let traffic = load.clone().start(stage).await;
        let times = Times {
            notebook: traffic.notebook().clone(),
            failed: Arc::default(),
            waited: Arc::default(),
            doomed: Arc::default(),
        };
        let bus = load.bus().await;
        let app = App::new(SERVICE)
            .state(times.clone())
            .handlers(handlers![doomed, prompt]);
        let app: RunningApp = within("the start of the app", app.start(&bus))
            .await
            .expect("the app starts");
        traffic.burst(EVENTS).await;
        until("all have failed once", async || {
            *times.doomed.lock().unwrap_or_else(PoisonError::into_inner) >= RETRIES
        })
        .await;
        // What has failed is on its way to the delay queue: a shutdown waits for it.
        within("the shutdown", app.shutdown())
            .await
            .expect("the app ends");
        bus.close().await;
        let stranger = Stranger::connect(load.url()).await;
        Self {
            traffic,
            load,
            times,
            stranger,
        }
    }

    /// Publishes on, to the other handler alone; whether its retries came back in time.
    async fn others_are_in_time(mut self, row: Row) -> Row {
        let bus = self.load.bus().await;
        let app = App::new(SERVICE)
            .state(self.times.clone())
            .handlers(handlers![prompt])
            .start(&bus);
        let app = within("the start of the app", app).await.expect("the app starts");
        self.traffic.attach(app, bus);
        // Those of the first hundred that came back while nobody was there to take them are not measured.
        self.times
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.traffic.burst(EVENTS).await;
        let account = self.traffic.settle().await;
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

fn load(url: &str) -> Load {
    Load::on(url)
        .publishers(0, 0)
        .handled_by(SERVICE, &["prompt"])
        .settings(|builder| builder.speed_up(1))
        .with_orphans()
}

/// The queue was deleted: its retries are kept among the orphans.
pub(super) async fn of_a_queue_that_is_gone(stage: &Stage) -> Row {
    let mut all = Row {
        times: 0,
        ..stage.row()
    };
    for _ in 0..stage.times() {
        let room = stage.room(&stage.victim().await).await;
        let scene = Doomed::start(stage, load(&room.url)).await;
        scene
            .stranger
            .delete("faults.doomed")
            .await
            .expect("the queue is deleted");
        all.add(&scene.others_are_in_time(once(stage)).await);
        let stranger = Stranger::connect(&room.url).await;
        let orphans = stranger.depth("faults.orphans").await.unwrap_or_default();
        all.check(orphans as usize >= RETRIES, || {
            format!("{orphans} of {RETRIES} retries of the queue are kept")
        });
    }
    all
}

/// The queue refuses: its retries wait on.
pub(super) async fn of_a_queue_that_is_full(stage: &Stage) -> Row {
    let mut all = Row {
        times: 0,
        ..stage.row()
    };
    for _ in 0..stage.times() {
        let node = stage.victim().await;
        let room = stage.room(&node).await;
        let scene = Doomed::start(stage, load(&room.url)).await;
        let channel = scene.stranger.channel();
        channel
            .queue_unbind(
                "faults.doomed".into(),
                "domain_events".into(),
                "fault.noted".into(),
                FieldTable::default(),
            )
            .await
            .expect("the queue is unbound");
        let vhost = room.vhost.clone();
        blocking(move || {
            let limit = r#"{"max-length":1,"overflow":"reject-publish"}"#;
            let policy = [
                "set_policy",
                "-p",
                &vhost,
                "full",
                r"\.doomed$",
                limit,
                "--apply-to",
                "queues",
            ];
            node.ctl(&policy).expect("the policy is set");
        })
        .await;
        let fill = async || {
            let publish = scene
                .stranger
                .publish("", "faults.doomed", BasicProperties::default(), b"{}");
            !publish.await.expect("the broker answers")
        };
        until("the queue refuses", fill).await;
        all.add(&scene.others_are_in_time(once(stage)).await);
    }
    all
}

fn once(stage: &Stage) -> Row {
    Row {
        times: 1,
        ..stage.row()
    }
}
