//! TaskPublisher a service for tasks, and looking up what became of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use lapin::message::BasicGetMessage;
use lapin::types::AMQPValue;
use tidings::{Bus, Payload};

use super::generated;
use super::handlers::{DOWN, RELEASE};
use super::service::{HandlerSet, ServiceConfig};
use super::task::{Task, TaskRequested};
use crate::account::Account;
use crate::handler_log::{HandlerLog, HandlerLogReader, LogEntry};
use crate::harness::Harness;
use crate::publish_log::PublishLog;
use crate::recorder::number_and_id;
use crate::row::Row;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{POLL_INTERVAL, within};

/// One who publishes to a service of other processes, and reads what they note.
#[derive(Debug)]
pub struct TaskPublisher {
    /// What the service is.
    pub config: ServiceConfig,
    /// A bare client on the same broker.
    pub client: ForeignClient,
    bus: Bus,
    publish_log: PublishLog,
    reader: HandlerLogReader,
    /// What is to become of each event.
    tasks: BTreeMap<u64, Task>,
    handlers: Vec<String>,
    dead: HashMap<String, Vec<Dead>>,
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct Dead {
    /// Its event.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Why it is one.
    pub reason: String,
    /// After how many attempts.
    pub attempts: i64,
}

impl TaskPublisher {
    /// Someone who asks a service of these handlers, on the broker at `url`.
    pub async fn of(harness: &Harness, url: &str, handler_set: HandlerSet, handlers: &[&str]) -> Self {
        let folder = harness.folder().join(uuid());
        fs::create_dir_all(&folder).expect("a folder is made");
        let config = ServiceConfig::new(url, &folder, handler_set);
        let builder = Bus::builder()
            .service("asker")
            .connect_timeout(Duration::from_secs(20));
        let bus = within("a bus", builder.connect(url))
            .await
            .expect("a bus connects");
        Self {
            reader: HandlerLog::open(&config.handler_log).reader(),
            client: ForeignClient::connect(url).await,
            config,
            bus,
            publish_log: PublishLog::default(),
            tasks: BTreeMap::new(),
            handlers: handlers.iter().map(|&name| name.to_owned()).collect(),
            dead: HashMap::new(),
        }
    }

    /// Asks for these tasks, each of an aggregate of its own.
    pub async fn publish_tasks(&mut self, tasks: &[Task]) {
        let events: Vec<TaskRequested> = tasks
            .iter()
            .map(|&task| {
                let number = self.open(task);
                TaskRequested::new(number, task)
            })
            .collect();
        self.publish(&events).await;
    }

    /// Asks for these tasks, of one aggregate, in order.
    pub async fn publish_tasks_of_aggregate(&mut self, aggregate: &str, tasks: &[Task]) {
        for &task in tasks {
            let event = TaskRequested::of_aggregate(self.open(task), aggregate, task);
            self.publish(&[event]).await;
        }
    }

    /// The number of an event that is to end as this task does.
    pub fn open(&mut self, task: Task) -> u64 {
        let number = self.publish_log.start();
        self.tasks.insert(number, task);
        number
    }

    /// Notes how an event that was opened is to end.
    pub(super) fn is_to_end(&mut self, number: u64, task: Task) {
        self.tasks.insert(number, task);
    }

    /// Notes that the broker has a message that someone else published.
    pub(super) fn was_taken(&self, number: u64, id: &str) {
        self.publish_log.record(number, &Ok(id.to_owned()));
    }

    /// Publishes events that were opened before, and notes what is told of each.
    pub async fn publish(&mut self, events: &[TaskRequested]) {
        let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
        self.publish_as(&numbers, events).await;
    }

    /// The same of events of any type.
    pub async fn publish_as<T: Payload>(&self, numbers: &[u64], events: &[T]) {
        // In parts: memory in flight is bounded, and so is the time in which a confirm must come.
        for (numbers, events) in numbers.chunks(500).zip(events.chunks(500)) {
            let results = within("confirms", self.bus.publish_all(events)).await;
            for (number, result) in numbers.iter().zip(&results) {
                self.publish_log.record(*number, result);
            }
        }
    }

    /// What handlers have finished.
    pub fn entries(&mut self) -> &[LogEntry] {
        self.reader.entries()
    }

    /// How many events a handler has finished, each counted once.
    pub fn finished(&mut self, handler: &str) -> usize {
        self.numbers(handler).len()
    }

    /// The dead letters of a handler, so far.
    pub async fn dead(&mut self, handler: &str) -> &[Dead] {
        let queue = format!("{}.{handler}.dlq", self.config.service);
        let taken = self.client.take(&queue).await.expect("dead letters are taken");
        let dead = self.dead.entry(handler.to_owned()).or_default();
        dead.extend(taken.iter().map(Dead::of));
        dead
    }

    /// Waits until each handler has finished, or given up on, each event that was asked for; whether that came in time.
    pub async fn completed(&mut self, patience: Duration) -> bool {
        let started = Instant::now();
        // Not by a timeout: dead letters that are being taken when it strikes would be deleted.
        while !self.is_complete().await {
            if started.elapsed() > patience {
                return false;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        true
    }

    /// Whether each handler has finished, or given up on, each event that was asked for.
    pub async fn is_complete(&mut self) -> bool {
        for handler in self.handlers.clone() {
            let mut ended = self.numbers(&handler);
            if ended.len() < self.tasks.len() {
                ended.extend(self.dead(&handler).await.iter().map(|dead| dead.number));
            }
            if ended.len() < self.tasks.len() {
                return false;
            }
        }
        true
    }

    /// The events that a handler has finished.
    fn numbers(&mut self, handler: &str) -> HashSet<u64> {
        let entries = self.reader.entries().iter();
        entries
            .filter(|entry| entry.handler == handler)
            .map(|entry| entry.number)
            .collect()
    }

    /// Goes back to a broker that was away, as its bare client.
    pub async fn meet_again(&mut self, url: &str) {
        self.client = ForeignClient::connect(url).await;
    }

    /// Makes what comes from now on wait to be let go.
    pub fn hold(&self) {
        let _ = fs::remove_file(self.config.folder.join(RELEASE));
    }

    /// Lets go what waits for it.
    pub fn release(&self) {
        fs::write(self.config.folder.join(RELEASE), "").expect("a file is written");
    }

    /// Makes what handlers need be there, or not.
    pub fn depend(&self, is_down: bool) {
        let file = self.config.folder.join(DOWN);
        if is_down {
            fs::write(file, "").expect("a file is written");
        } else {
            let _ = fs::remove_file(file);
        }
    }

    /// The row: besides the account, every event is to have ended as its task does, and no other way.
    pub async fn row(mut self, harness: &Harness) -> Row {
        let mut row = harness.row();
        for handler in self.handlers.clone() {
            let letters = self.dead(&handler).await.to_vec();
            for one in &letters {
                let task = self.tasks.get(&one.number).copied();
                let wanted = task.and_then(end_of);
                row.check(
                    wanted.is_some_and(|(reason, attempts)| {
                        one.reason == reason && attempts.is_none_or(|attempts| one.attempts == attempts)
                    }),
                    || {
                        format!(
                            "{handler}: event {} ({task:?}) is a dead letter, {} after {} attempts",
                            one.number, one.reason, one.attempts
                        )
                    },
                );
            }
            let finished = self.numbers(&handler);
            for (number, task) in &self.tasks {
                row.check(task.ends_well() || !finished.contains(number), || {
                    format!("{handler}: event {number} ({task:?}) was finished")
                });
            }
        }
        // A few say it all.
        row.failed.truncate(20);
        let (from, to) = {
            let at = |entry: &LogEntry| entry.at;
            let entries = self.entries();
            (
                entries.iter().map(at).min().unwrap_or(0),
                entries.iter().map(at).max().unwrap_or(0),
            )
        };
        let account = Account {
            results: self.publish_log.results(),
            entries: self.entries().to_vec(),
            dead: self
                .dead
                .iter()
                .map(|(handler, dead)| {
                    let letters = dead.iter().map(|one| (one.number, one.id.clone()));
                    (handler.clone(), letters.collect())
                })
                .collect(),
            seen: None,
            deleted: HashMap::new(),
            orphans: 0,
            handlers: self.handlers.clone(),
            published: (from, to),
            failed: Vec::new(),
        };
        within("the end of the bus", self.bus.close()).await;
        account.into_row(row)
    }
}

/// Why an event ends as a dead letter that asks for this, and after how many attempts of the handler `plain`.
fn end_of(task: Task) -> Option<(&'static str, Option<i64>)> {
    match task {
        _ if task.ends_well() => None,
        Task::Reject => Some(("rejected", Some(1))),
        Task::Abort => Some(("crash-loop", None)),
        Task::Nonsense => Some(("malformed", Some(1))),
        _ => Some(("failed", Some(3))),
    }
}

impl Dead {
    fn of(message: &BasicGetMessage) -> Self {
        let properties = &message.delivery.properties;
        let message_id = properties.message_id().as_ref().map(ToString::to_string);
        let by_id = message_id.and_then(|id| Some((generated::number_of(&id)?, id)));
        let (number, id) = by_id
            .or_else(|| number_and_id(&message.delivery.data))
            .unwrap_or_default();
        let headers = properties.headers();
        let header = |name: &str| headers.as_ref()?.inner().get(name);
        Self {
            number,
            id,
            reason: match header("tidings-dead-letter-reason") {
                Some(AMQPValue::LongString(reason)) => reason.to_string(),
                // The broker's own: it has given up before us.
                _ => "none of ours".to_owned(),
            },
            attempts: header("tidings-attempts").map_or(0, number_of),
        }
    }
}

fn number_of(value: &AMQPValue) -> i64 {
    match value {
        AMQPValue::LongInt(number) => i64::from(*number),
        AMQPValue::LongLongInt(number) => *number,
        AMQPValue::LongUInt(number) => i64::from(*number),
        _ => -1,
    }
}

fn uuid() -> String {
    format!("{:016x}", fastrand::u64(..))
}
