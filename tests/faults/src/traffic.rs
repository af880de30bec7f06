//! Events on the way: publishers and handlers that run throughout a fault, and the account of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tidings::{Bus, BusBuilder, RunningApp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::account::Account;
use crate::event::Noted;
use crate::handlers::{HANDLERS, SERVICE, app};
use crate::notebook::{Line, Notebook, Reader, now};
use crate::settle::Settling;
use crate::stage::Stage;
use crate::told::Book;
use crate::wait::{DEADLINE, comes, within};
use crate::witness::Witness;

/// How many events a publisher of several at once publishes at once.
const BATCH: usize = 20;

/// What traffic is to be like; then [`Load::start`].
///
/// Unless told otherwise: sixteen publishers of single events and one of twenty at once, a thousand events a second,
/// the handlers of [`crate::handlers`], retry rungs twenty times as fast, a witness.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // Each is a choice of its own.
pub struct Load {
    url: String,
    direct: String,
    singles: usize,
    batches: usize,
    per_second: u32,
    room: usize,
    settings: Settings,
    service: String,
    handlers: Vec<String>,
    /// Whether the handlers are ours, or those of someone who writes into the notebook, too.
    ours: bool,
    witnessed: bool,
    in_order: bool,
    orphans: bool,
    patience: Duration,
}

/// What changes the settings of a bus.
#[derive(Clone)]
struct Settings(Arc<dyn Fn(BusBuilder) -> BusBuilder + Send + Sync>);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings")
    }
}

/// Events on the way.
#[derive(Debug)]
pub struct Traffic {
    load: Load,
    book: Book,
    notebook: Notebook,
    reader: Reader,
    witness: Option<Witness>,
    bus: Bus,
    app: Option<RunningApp>,
    consumer: Option<Bus>,
    stop: watch::Sender<bool>,
    publishers: Vec<JoinHandle<()>>,
    started: u64,
}

impl Load {
    /// Traffic of the usual kind on the broker at `url`.
    pub fn on(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            direct: url.to_owned(),
            singles: 16,
            batches: 1,
            per_second: 1_000,
            room: 0,
            settings: Settings(Arc::new(|builder| builder)),
            service: SERVICE.to_owned(),
            handlers: HANDLERS.iter().map(|&name| name.to_owned()).collect(),
            ours: true,
            witnessed: true,
            in_order: true,
            orphans: false,
            patience: Duration::from_mins(1),
        }
    }

    /// Where the traffic finds the broker.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the broker is found past all that is between it and the traffic: the witness looks there.
    pub fn direct(mut self, url: &str) -> Self {
        url.clone_into(&mut self.direct);
        self
    }

    /// So many tasks that publish one event at a time, and so many that publish twenty at once.
    pub fn publishers(mut self, singles: usize, batches: usize) -> Self {
        (self.singles, self.batches) = (singles, batches);
        self
    }

    /// So many events a second at most, of all publishers together.
    pub fn per_second(mut self, events: u32) -> Self {
        self.per_second = events;
        self
    }

    /// Makes every event larger by so many bytes.
    pub fn room(mut self, bytes: usize) -> Self {
        self.room = bytes;
        self
    }

    /// Changes the settings of both buses.
    pub fn settings(mut self, settings: impl Fn(BusBuilder) -> BusBuilder + Send + Sync + 'static) -> Self {
        self.settings = Settings(Arc::new(settings));
        self
    }

    /// Starts no handlers: those of `service` are someone else's, who notes in the same notebook what they finish.
    pub fn handled_by(mut self, service: &str, handlers: &[&str]) -> Self {
        service.clone_into(&mut self.service);
        self.handlers = handlers.iter().map(|&name| name.to_owned()).collect();
        self.ours = false;
        self
    }

    /// Does without a witness.
    pub fn unwitnessed(mut self) -> Self {
        self.witnessed = false;
        self
    }

    /// Does not hold `ordered` to its order: a way to the broker that delivers late what it was sent early puts events
    /// into the queue in another order than they were published.
    pub fn in_any_order(mut self) -> Self {
        self.in_order = false;
        self
    }

    /// Allows for retries that find no queue to come back to.
    pub fn with_orphans(mut self) -> Self {
        self.orphans = true;
        self
    }

    /// How long nothing may be finished, at the end, before what is missing is lost. A minute unless told otherwise.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts handlers, witness and publishers, and waits until a second has passed with events on the way.
    ///
    /// Until then a broker that is killed may forget the queues, by a fault of its own: it writes within half a second
    /// of a declaration by which name it finds a quorum queue again.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start(self, stage: &Stage) -> Traffic {
        let notebook = Notebook::open(&stage.file("notebook"));
        let (mut running, mut consumer) = (None, None);
        if self.ours {
            let bus = self.bus().await;
            let app = app(&notebook);
            // The delay queues as well: they would be declared by the first retry, which is any time.
            within("the declaration", app.declare(&bus))
                .await
                .expect("all is declared");
            let app = within("the start of the app", app.start(&bus)).await;
            running = Some(app.expect("the app starts"));
            consumer = Some(bus);
        }
        let bus = self.bus().await;
        let witness = if self.witnessed {
            Some(Witness::call(&self.direct).await)
        } else {
            None
        };
        // The same wait that an operator's script would need; nothing tells when it is over.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut traffic = Traffic {
            book: Book::default(),
            reader: notebook.reader(),
            notebook,
            witness,
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

    /// A bus with the settings of this traffic.
    ///
    /// # Panics
    /// When the broker does not let it in.
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
            let (many, line) = match task.checked_sub(self.load.singles) {
                None => (1, format!("one-{task}")),
                Some(task) => (BATCH, format!("many-{task}")),
            };
            let every = f64::from(u32::try_from(many).unwrap_or(u32::MAX)) / share;
            let publisher = Publisher {
                bus: self.bus.clone(),
                book: self.book.clone(),
                stop: self.stop.subscribe(),
                every: Duration::from_secs_f64(every),
                many,
                line,
                room: "x".repeat(self.load.room),
            };
            self.publishers.push(tokio::spawn(publisher.run()));
        }
    }

    /// Takes over an app that handles in the place of the usual one, and its bus: to be ended at the end.
    pub fn attach(&mut self, app: RunningApp, bus: Bus) {
        (self.app, self.consumer) = (Some(app), Some(bus));
    }

    /// What publishers were told so far.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Where handlers note what they finish.
    pub fn notebook(&self) -> &Notebook {
        &self.notebook
    }

    /// The publishers' bus.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The handlers' app.
    ///
    /// # Panics
    /// When the handlers are someone else's.
    pub fn app(&self) -> &RunningApp {
        self.app.as_ref().expect("the handlers are this traffic's own")
    }

    /// What the witness has seen so far, if there is one.
    pub fn witness(&self) -> Option<&Witness> {
        self.witness.as_ref()
    }

    /// What handlers have finished.
    pub fn lines(&mut self) -> &[Line] {
        self.reader.lines()
    }

    /// How many events handlers have finished.
    pub fn finished(&mut self) -> usize {
        self.reader.count()
    }

    /// How many different events one handler has finished.
    pub fn finished_by(&mut self, handler: &str) -> usize {
        let lines = self.reader.lines().iter().filter(|line| line.handler == handler);
        lines.map(|line| line.number).collect::<HashSet<_>>().len()
    }

    /// Waits until handlers have finished `more` events than now.
    ///
    /// # Panics
    /// When they do not.
    pub async fn flows(&mut self, more: usize) {
        let before = self.finished();
        let come = comes(DEADLINE, async || self.finished() >= before + more).await;
        assert!(
            come,
            "{DEADLINE:?} passed before {more} more were finished; {}",
            self.health()
        );
    }

    /// Waits until `more` events are confirmed than now.
    ///
    /// # Panics
    /// When they are not.
    pub async fn confirms(&mut self, more: usize) {
        let before = self.book.confirmed();
        let come = comes(DEADLINE, async || self.book.confirmed() >= before + more).await;
        assert!(
            come,
            "{DEADLINE:?} passed before {more} more were confirmed, {} were; {}",
            self.book.confirmed() - before,
            self.health()
        );
    }

    /// How both buses and the app are, for the text of a failure.
    fn health(&self) -> String {
        let app = self.app.as_ref().map(RunningApp::health);
        format!("publishers: {:?}; handlers: {app:?}", self.bus.health())
    }

    /// Publishes `many` events side by side, each from a caller of its own, and gives what each was told.
    pub async fn burst(&self, many: usize) -> Vec<tidings::Result<String>> {
        let room = "x".repeat(self.load.room);
        let publish = |_| async {
            let event = Noted {
                number: self.book.open(),
                line: "burst".to_owned(),
                room: room.clone(),
            };
            let result = self.bus.publish(&event).await;
            self.book.close(event.number, &result);
            result
        };
        join_all((0..many).map(publish)).await
    }

    /// Publishes nothing more, waits until every publisher was told something, and gives when it was told to stop.
    ///
    /// # Panics
    /// When one is told nothing.
    pub async fn stop(&mut self) -> u64 {
        let at = now();
        self.stop.send_replace(true);
        for publisher in self.publishers.drain(..) {
            within("what a publisher is told", publisher)
                .await
                .expect("a publisher ends");
        }
        at
    }

    /// Publishes nothing more, waits until all that was confirmed is handled or dead-lettered, ends all, and draws up
    /// the account.
    ///
    /// # Panics
    /// When publishers are told nothing, or the witness cannot see its queue.
    pub async fn settle(mut self) -> Account {
        let ended = self.stop().await;
        let mut settling = Settling::of(
            &self.book,
            &self.load.service,
            &self.load.handlers,
            &self.load.direct,
        );
        settling.finish(&mut self.reader, self.load.patience).await;
        let mut failed = Vec::new();
        if let Some(app) = &self.app {
            let well = comes(Duration::from_mins(1), async || {
                app.health().is_ready() && self.bus.health().is_ready()
            });
            if !well.await {
                failed.push(format!(
                    "not well again: {:?}, {:?}",
                    self.bus.health(),
                    app.health()
                ));
            }
            if let Err(error) = within("the shutdown", app.shutdown()).await {
                failed.push(error.to_string());
            }
        }
        for bus in [Some(&self.bus), self.consumer.as_ref()].into_iter().flatten() {
            within("the end of a bus", bus.close()).await;
        }
        if self.load.ours {
            // The usual handlers give up on nothing.
            failed.extend(settling.reasons());
        }
        let orphans = settling.orphans().await;
        if orphans > 0 && !self.load.orphans {
            failed.push(format!("{orphans} retries found no queue"));
        }
        let seen = match self.witness.take() {
            Some(witness) => Some(witness.dismiss().await),
            None => None,
        };
        let lines = self.reader.lines().to_vec();
        if self.load.in_order && self.load.ours {
            let singles: Vec<_> = lines
                .iter()
                .filter(|line| line.line.starts_with("one-"))
                .cloned()
                .collect();
            failed.extend(crate::notebook::disorder(&singles, "ordered").into_iter().take(5));
        }
        Account {
            told: self.book.read(),
            lines,
            dead: settling.into_dead(),
            gone: HashMap::new(),
            seen,
            handlers: self.load.handlers,
            orphans,
            published: (self.started, ended),
            failed,
        }
    }
}

/// A task that publishes.
struct Publisher {
    bus: Bus,
    book: Book,
    stop: watch::Receiver<bool>,
    every: Duration,
    many: usize,
    line: String,
    room: String,
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
            // Not within the `select`: a publish that is under way is to end.
            let events: Vec<Noted> = (0..self.many).map(|_| self.event()).collect();
            let results = match events.as_slice() {
                [event] => vec![self.bus.publish(event).await],
                events => self.bus.publish_all(events).await,
            };
            for (event, result) in events.iter().zip(&results) {
                self.book.close(event.number, result);
            }
        }
    }

    fn event(&self) -> Noted {
        Noted {
            number: self.book.open(),
            line: self.line.clone(),
            room: self.room.clone(),
        }
    }
}
