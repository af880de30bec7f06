//! Publishes tasks to a service and checks the outcome of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use lapin::message::BasicGetMessage;
use lapin::types::AMQPValue;
use tidings::{Bus, Payload};

use super::generated;
use super::handlers::{DOWN, RELEASE};
use super::instance::Instance;
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

/// Publishes to a service in other processes and reads its handler log.
#[derive(Debug)]
pub struct TaskPublisher {
    /// The configuration of the service.
    pub config: ServiceConfig,
    /// A client without Tidings on the same broker.
    pub client: ForeignClient,
    bus: Bus,
    publish_log: PublishLog,
    reader: HandlerLogReader,
    /// The task of each event.
    tasks: BTreeMap<u64, Task>,
    handlers: Vec<String>,
    dead: HashMap<String, Vec<DeadLetter>>,
    timed_out: bool,
}

/// A dead letter of the service.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The number of the event.
    pub number: u64,
    /// The id of the event.
    pub id: String,
    /// The reason header.
    pub reason: String,
    /// The number of attempts.
    pub attempts: i64,
}

impl TaskPublisher {
    /// Creates a publisher for a service with these handlers.
    pub async fn of(harness: &Harness, url: &str, handler_set: HandlerSet, handlers: &[&str]) -> Self {
        let folder = harness.folder().join(format!("{:016x}", fastrand::u64(..)));
        fs::create_dir_all(&folder).expect("a folder can be created");
        let config = ServiceConfig::new(url, &folder, handler_set);
        let builder = Bus::builder()
            .service("task-publisher")
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
            timed_out: false,
        }
    }

    /// Starts an instance and waits until it and `others` instances consume the queues of all handlers.
    pub async fn start_instance(&self, others: u32) -> Instance {
        let handlers: Vec<&str> = self.handlers.iter().map(String::as_str).collect();
        Instance::start_on(&self.config, &self.client, &handlers, others).await
    }

    /// Publishes these tasks, each with its own aggregate.
    pub async fn publish_tasks(&mut self, tasks: &[Task]) {
        let events: Vec<TaskRequested> = tasks
            .iter()
            .map(|&task| {
                let number = self.new_event(task);
                TaskRequested::new(number, task)
            })
            .collect();
        self.publish(&events).await;
    }

    /// Publishes these tasks in order, with the same aggregate.
    pub async fn publish_tasks_of_aggregate(&mut self, aggregate: &str, tasks: &[Task]) {
        for &task in tasks {
            let event = TaskRequested::of_aggregate(self.new_event(task), aggregate, task);
            self.publish(&[event]).await;
        }
    }

    /// Returns the number of a new event with this task.
    pub fn new_event(&mut self, task: Task) -> u64 {
        let number = self.publish_log.start();
        self.tasks.insert(number, task);
        number
    }

    /// Changes the task of a new event.
    pub(super) fn set_task(&mut self, number: u64, task: Task) {
        self.tasks.insert(number, task);
    }

    /// Records that the broker confirmed a message of another client.
    pub(super) fn record_confirm(&self, number: u64, id: &str) {
        self.publish_log.record(number, &Ok(id.to_owned()));
    }

    /// Publishes new events and records the results.
    pub async fn publish(&mut self, events: &[TaskRequested]) {
        let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
        self.publish_as(&numbers, events).await;
    }

    /// Publishes new events of any type and records the results.
    pub async fn publish_as<T: Payload>(&self, numbers: &[u64], events: &[T]) {
        // In chunks, because the publish window and the publish timeout are limited.
        for (numbers, events) in numbers.chunks(500).zip(events.chunks(500)) {
            let results = within("the confirms", self.bus.publish_all(events)).await;
            for (number, result) in numbers.iter().zip(&results) {
                self.publish_log.record(*number, result);
            }
        }
    }

    /// Returns what handlers have finished.
    pub fn entries(&mut self) -> &[LogEntry] {
        self.reader.entries()
    }

    /// How many different events a handler has finished.
    pub fn finished(&mut self, handler: &str) -> usize {
        self.numbers(handler).len()
    }

    /// Reads the dead letters of a handler and returns all of them.
    pub async fn dead(&mut self, handler: &str) -> &[DeadLetter] {
        let queue = format!("{}.{handler}.dlq", self.config.service);
        let taken = self.client.take(&queue).await.expect("dead letters can be read");
        let dead = self.dead.entry(handler.to_owned()).or_default();
        dead.extend(taken.iter().map(DeadLetter::of));
        dead
    }

    /// Waits until each handler has finished or dead-lettered every event. After `patience`, [`Self::row`] fails.
    pub async fn wait_until_complete(&mut self, patience: Duration) {
        let started = Instant::now();
        // A timeout around this call would lose the dead letters that it reads when it is cancelled.
        while !self.is_complete().await {
            if started.elapsed() > patience {
                self.timed_out = true;
                return;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Whether each handler has finished or dead-lettered every event.
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

    /// The numbers of the events that a handler has finished.
    fn numbers(&mut self, handler: &str) -> HashSet<u64> {
        let entries = self.reader.entries().iter();
        entries
            .filter(|entry| entry.handler == handler)
            .map(|entry| entry.number)
            .collect()
    }

    /// Reconnects the foreign client after a restart of the broker.
    pub async fn reconnect_client(&mut self, url: &str) {
        self.client = ForeignClient::connect(url).await;
    }

    /// Makes later [`Task::Hold`] events wait for [`Self::release`].
    pub fn hold(&self) {
        let _ = fs::remove_file(self.config.folder.join(RELEASE));
    }

    /// Releases all waiting [`Task::Hold`] events.
    pub fn release(&self) {
        fs::write(self.config.folder.join(RELEASE), "").expect("a file can be written");
    }

    /// Makes [`Task::FailWhileDown`] events fail, or succeed.
    pub fn set_dependency_down(&self, is_down: bool) {
        let file = self.config.folder.join(DOWN);
        if is_down {
            fs::write(file, "").expect("a file can be written");
        } else {
            let _ = fs::remove_file(file);
        }
    }

    /// Returns the row. It also checks that every event had the outcome that its task demands.
    pub async fn row(mut self, harness: &Harness) -> Row {
        let mut row = harness.row();
        for handler in self.handlers.clone() {
            let letters = self.dead(&handler).await.to_vec();
            for letter in &letters {
                let task = self.tasks.get(&letter.number).copied();
                let expected = task.and_then(expected_dead_letter);
                row.check(
                    expected.is_some_and(|(reason, attempts)| {
                        letter.reason == reason && attempts.is_none_or(|attempts| letter.attempts == attempts)
                    }),
                    || {
                        format!(
                            "{handler}: event {} ({task:?}) is dead-lettered as {} after {} attempts",
                            letter.number, letter.reason, letter.attempts
                        )
                    },
                );
            }
            let finished = self.numbers(&handler);
            for (number, task) in &self.tasks {
                row.check(task.is_handled() || !finished.contains(number), || {
                    format!("{handler}: event {number} ({task:?}) was finished")
                });
            }
        }
        // The first failures are enough for a report.
        row.failed.truncate(20);
        row.check(!self.timed_out, || {
            "some events were neither handled nor dead-lettered".to_owned()
        });
        let entries = self.entries().to_vec();
        let times = || entries.iter().map(|entry| entry.at);
        let published = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let account = Account {
            results: self.publish_log.results(),
            entries,
            dead: self
                .dead
                .iter()
                .map(|(handler, dead)| {
                    let letters = dead.iter().map(|letter| (letter.number, letter.id.clone()));
                    (handler.clone(), letters.collect())
                })
                .collect(),
            handlers: self.handlers.clone(),
            published,
            ..Account::default()
        };
        within("closing the bus", self.bus.close()).await;
        account.into_row(row)
    }
}

/// The expected reason and number of attempts of the dead letter of a task, for the handler `plain`.
fn expected_dead_letter(task: Task) -> Option<(&'static str, Option<i64>)> {
    match task {
        _ if task.is_handled() => None,
        Task::Reject => Some(("rejected", Some(1))),
        Task::Abort => Some(("crash-loop", None)),
        Task::Malformed => Some(("malformed", Some(1))),
        _ => Some(("failed", Some(3))),
    }
}

impl DeadLetter {
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
                // The broker dead-lettered the message at its own delivery limit.
                _ => "by the broker".to_owned(),
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
