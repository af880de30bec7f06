//! Publishers and handlers that run throughout a fault.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tidings::{Bus, BusBuilder, RunningApp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::account::Account;
use crate::completion::Completion;
use crate::event::Noted;
use crate::handler_log::{HandlerLog, HandlerLogReader, LogEntry, now};
use crate::handlers::{HANDLERS, SERVICE, app};
use crate::harness::Harness;
use crate::publish_log::PublishLog;
use crate::recorder::Recorder;
use tidings_test_support::wait::{DEADLINE, becomes_true, within};

/// How many events a batch publisher publishes at once.
const BATCH: usize = 20;

/// The configuration of traffic, for [`Load::start`].
///
/// By default sixteen tasks publish single events and one task publishes batches of twenty, a thousand events per
/// second. The default has the handlers of [`crate::handlers`], retry delays divided by twenty, and a recorder.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // The options are independent of each other.
pub struct Load {
    url: String,
    direct: String,
    singles: usize,
    batches: usize,
    per_second: u32,
    padding: usize,
    settings: Settings,
    service: String,
    handlers: Vec<String>,
    /// Whether the traffic starts the default handlers. Otherwise another service writes the same handler log.
    own_handlers: bool,
    recorder: bool,
    in_order: bool,
    orphans: bool,
    patience: Duration,
}

/// A change of the settings of a bus.
#[derive(Clone)]
struct Settings(Arc<dyn Fn(BusBuilder) -> BusBuilder + Send + Sync>);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings")
    }
}

/// Running publishers and handlers.
#[derive(Debug)]
pub struct Traffic {
    load: Load,
    publish_log: PublishLog,
    handler_log: HandlerLog,
    reader: HandlerLogReader,
    recorder: Option<Recorder>,
    bus: Bus,
    app: Option<RunningApp>,
    consumer: Option<Bus>,
    stop: watch::Sender<bool>,
    publishers: Vec<JoinHandle<()>>,
    started: u64,
}

impl Load {
    /// The default traffic on the broker at `url`.
    pub fn on(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            direct: url.to_owned(),
            singles: 16,
            batches: 1,
            per_second: 1_000,
            padding: 0,
            settings: Settings(Arc::new(|builder| builder)),
            service: SERVICE.to_owned(),
            handlers: HANDLERS.iter().map(|&name| name.to_owned()).collect(),
            own_handlers: true,
            recorder: true,
            in_order: true,
            orphans: false,
            patience: Duration::from_mins(1),
        }
    }

    /// The URL of the broker.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the URL of the broker without relays, for the recorder.
    pub fn direct(mut self, url: &str) -> Self {
        url.clone_into(&mut self.direct);
        self
    }

    /// Sets the numbers of tasks that publish single events, and that publish batches of twenty.
    pub fn publishers(mut self, singles: usize, batches: usize) -> Self {
        (self.singles, self.batches) = (singles, batches);
        self
    }

    /// Limits the rate of all publishers together.
    pub fn per_second(mut self, events: u32) -> Self {
        self.per_second = events;
        self
    }

    /// Makes every event larger by this many bytes.
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// Changes the settings of both buses.
    pub fn settings(mut self, settings: impl Fn(BusBuilder) -> BusBuilder + Send + Sync + 'static) -> Self {
        self.settings = Settings(Arc::new(settings));
        self
    }

    /// Starts no handlers. The handlers of `service` write the same handler log.
    pub fn handled_by(mut self, service: &str, handlers: &[&str]) -> Self {
        service.clone_into(&mut self.service);
        self.handlers = handlers.iter().map(|&name| name.to_owned()).collect();
        self.own_handlers = false;
        self
    }

    /// Starts no recorder.
    pub fn without_recorder(mut self) -> Self {
        self.recorder = false;
        self
    }

    /// Does not check the order of the handler `ordered`. A network that delivers bytes late can change the order in
    /// which events reach the queue.
    pub fn in_any_order(mut self) -> Self {
        self.in_order = false;
        self
    }

    /// Allows messages in the orphans queue.
    pub fn with_orphans(mut self) -> Self {
        self.orphans = true;
        self
    }

    /// Sets how long [`Traffic::finish`] waits for the next completion before missing events count as lost: by default
    /// one minute.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts handlers, recorder and publishers. Publishing begins one second after the declarations.
    ///
    /// A broker writes its table of quorum queues within half a second after a declaration. A broker that is killed
    /// earlier forgets the queue.
    ///
    /// # Panics
    /// When a handler or the recorder does not start.
    pub async fn start(self, harness: &Harness) -> Traffic {
        let handler_log = HandlerLog::open(&harness.file("handler_log"));
        let (mut running, mut consumer) = (None, None);
        if self.own_handlers {
            let bus = self.bus().await;
            let app = app(&handler_log);
            // The delay queues are declared here too, because the first retry would declare them at an unknown time.
            within("the declaration", app.declare(&bus))
                .await
                .expect("the declaration succeeds");
            let app = within("the start of the app", app.start(&bus)).await;
            running = Some(app.expect("the app starts"));
            consumer = Some(bus);
        }
        let bus = self.bus().await;
        let recorder = if self.recorder {
            Some(Recorder::start(&self.direct).await)
        } else {
            None
        };
        // Nothing signals that the broker has written its table.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut traffic = Traffic {
            publish_log: PublishLog::default(),
            reader: handler_log.reader(),
            handler_log,
            recorder,
            bus,
            app: running,
            consumer,
            stop: watch::channel(false).0,
            publishers: Vec::new(),
            started: now(),
            load: self,
        };
        traffic.publish();
        traffic
    }

    /// Connects a bus with the settings of this traffic.
    ///
    /// # Panics
    /// When the bus cannot connect.
    pub async fn bus(&self) -> Bus {
        let builder = Bus::builder()
            .service(&self.service)
            .connect_timeout(DEADLINE)
            .speed_up(20);
        within("a bus", (self.settings.0)(builder).connect(&self.url))
            .await
            .expect("a bus connects")
    }
}

impl Traffic {
    fn publish(&mut self) {
        let tasks = self.load.singles + self.load.batches;
        let share =
            f64::from(self.load.per_second) / f64::from(u32::try_from(tasks.max(1)).unwrap_or(u32::MAX));
        for task in 0..tasks {
            let (many, aggregate) = match task.checked_sub(self.load.singles) {
                None => (1, format!("one-{task}")),
                Some(task) => (BATCH, format!("many-{task}")),
            };
            let every = f64::from(u32::try_from(many).unwrap_or(u32::MAX)) / share;
            let publisher = Publisher {
                bus: self.bus.clone(),
                publish_log: self.publish_log.clone(),
                stop: self.stop.subscribe(),
                every: Duration::from_secs_f64(every),
                many,
                aggregate,
                padding: "x".repeat(self.load.padding),
            };
            self.publishers.push(tokio::spawn(publisher.run()));
        }
    }

    /// Adds an app that replaces the default handlers, and its bus. Both are closed at the end.
    pub fn attach(&mut self, app: RunningApp, bus: Bus) {
        (self.app, self.consumer) = (Some(app), Some(bus));
    }

    /// The results of all publishes.
    pub fn publish_log(&self) -> &PublishLog {
        &self.publish_log
    }

    /// The log of finished events.
    pub fn handler_log(&self) -> &HandlerLog {
        &self.handler_log
    }

    /// The bus of the publishers.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The app of the handlers.
    ///
    /// # Panics
    /// When another service runs the handlers.
    pub fn app(&self) -> &RunningApp {
        self.app.as_ref().expect("this traffic runs the handlers")
    }

    /// Returns the completions that handlers have logged.
    pub fn entries(&mut self) -> &[LogEntry] {
        self.reader.entries()
    }

    /// How many completions the handlers have logged.
    pub fn finished(&mut self) -> usize {
        self.entries().len()
    }

    /// How many different events one handler has finished.
    pub fn finished_by(&mut self, handler: &str) -> usize {
        let entries = self
            .reader
            .entries()
            .iter()
            .filter(|entry| entry.handler == handler);
        entries.map(|entry| entry.number).collect::<HashSet<_>>().len()
    }

    /// Waits until handlers have finished `more` events.
    ///
    /// # Panics
    /// After the deadline.
    pub async fn flows(&mut self, more: usize) {
        let before = self.finished();
        let in_time = becomes_true(DEADLINE, async || self.finished() >= before + more).await;
        assert!(
            in_time,
            "{more} more events were not finished within {DEADLINE:?}; {}",
            self.health()
        );
    }

    /// Waits until `more` events are confirmed.
    ///
    /// # Panics
    /// After the deadline.
    pub async fn confirms(&mut self, more: usize) {
        let before = self.publish_log.confirmed();
        let in_time = becomes_true(DEADLINE, async || self.publish_log.confirmed() >= before + more).await;
        assert!(
            in_time,
            "{more} more events were not confirmed within {DEADLINE:?}, {} were; {}",
            self.publish_log.confirmed() - before,
            self.health()
        );
    }

    /// The health of the buses and the app, for error texts.
    fn health(&self) -> String {
        let app = self.app.as_ref().map(RunningApp::health);
        format!("publishers: {:?}; handlers: {app:?}", self.bus.health())
    }

    /// Publishes `many` events concurrently and returns the results.
    pub async fn burst(&self, many: usize) -> Vec<tidings::Result<String>> {
        let padding = "x".repeat(self.load.padding);
        let publish = |_| async {
            let event = Noted {
                number: self.publish_log.start(),
                aggregate: "burst".to_owned(),
                padding: padding.clone(),
            };
            let result = self.bus.publish(&event).await;
            self.publish_log.record(event.number, &result);
            result
        };
        join_all((0..many).map(publish)).await
    }

    /// Stops publishing and waits for the results of all publishes. Returns the time at which the stop began.
    ///
    /// # Panics
    /// When a publish returns no result.
    pub async fn stop(&mut self) -> u64 {
        let at = now();
        self.stop.send_replace(true);
        for publisher in self.publishers.drain(..) {
            within("the results of a publisher", publisher)
                .await
                .expect("a publisher ends");
        }
        at
    }

    /// Stops publishing, waits until every confirmed event is handled or dead-lettered, closes the app and the buses,
    /// and returns the account.
    ///
    /// # Panics
    /// When a publish returns no result, or the recorder cannot read its queue.
    pub async fn finish(mut self) -> Account {
        let ended = self.stop().await;
        let mut completion = Completion::of(
            &self.publish_log,
            &self.load.service,
            &self.load.handlers,
            &self.load.direct,
        );
        completion.finish(&mut self.reader, self.load.patience).await;
        let mut failed = Vec::new();
        if let Some(app) = &self.app {
            let healthy = becomes_true(Duration::from_mins(1), async || {
                app.health().is_ready() && self.bus.health().is_ready()
            });
            if !healthy.await {
                failed.push(format!(
                    "not healthy at the end: {:?}, {:?}",
                    self.bus.health(),
                    app.health()
                ));
            }
            if let Err(error) = within("the shutdown", app.shutdown()).await {
                failed.push(error.to_string());
            }
        }
        for bus in [Some(&self.bus), self.consumer.as_ref()].into_iter().flatten() {
            within("closing a bus", bus.close()).await;
        }
        if self.load.own_handlers {
            // The default handlers dead-letter no event.
            failed.extend(completion.reasons());
        }
        let orphans = completion.orphans().await;
        if orphans > 0 && !self.load.orphans {
            failed.push(format!("{orphans} messages are in the orphans queue"));
        }
        let seen = match self.recorder.take() {
            Some(recorder) => Some(recorder.stop().await),
            None => None,
        };
        let entries = self.reader.entries().to_vec();
        if self.load.in_order && self.load.own_handlers {
            let singles: Vec<_> = entries
                .iter()
                .filter(|entry| entry.aggregate.starts_with("one-"))
                .cloned()
                .collect();
            failed.extend(
                crate::handler_log::disorder(&singles, "ordered")
                    .into_iter()
                    .take(5),
            );
        }
        Account {
            results: self.publish_log.results(),
            entries,
            dead: completion.into_dead(),
            deleted: HashMap::new(),
            seen,
            handlers: self.load.handlers,
            orphans,
            published: (self.started, ended),
            failed,
        }
    }
}

struct Publisher {
    bus: Bus,
    publish_log: PublishLog,
    stop: watch::Receiver<bool>,
    every: Duration,
    many: usize,
    aggregate: String,
    padding: String,
}

impl Publisher {
    async fn run(mut self) {
        let mut pace = tokio::time::interval(self.every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => return,
                _ = pace.tick() => {}
            }
            // The publish is outside the `select!`, because a publish that has started must end.
            let events: Vec<Noted> = (0..self.many).map(|_| self.event()).collect();
            let results = match events.as_slice() {
                [event] => vec![self.bus.publish(event).await],
                events => self.bus.publish_all(events).await,
            };
            for (event, result) in events.iter().zip(&results) {
                self.publish_log.record(event.number, result);
            }
        }
    }

    fn event(&self) -> Noted {
        Noted {
            number: self.publish_log.start(),
            aggregate: self.aggregate.clone(),
            padding: self.padding.clone(),
        }
    }
}
