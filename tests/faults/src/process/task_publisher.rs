//! Asking a service for deeds, and looking up what became of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use lapin::message::BasicGetMessage;
use lapin::types::AMQPValue;
use tidings::{Bus, Payload};

use super::asked::{Asked, Deed};
use super::handlers::{DOWN, RELEASE};
use super::nonsense;
use super::service::{Cast, Job};
use crate::account::Account;
use crate::notebook::{Line, Notebook, Reader};
use crate::row::Row;
use crate::stage::Stage;
use crate::stranger::Stranger;
use crate::told::Book;
use crate::wait::{LOOK, within};
use crate::witness::number_and_id;

/// One who publishes to a service of other processes, and reads what they note.
#[derive(Debug)]
pub struct Asking {
    /// What the service is.
    pub job: Job,
    /// A bare client on the same broker.
    pub stranger: Stranger,
    bus: Bus,
    book: Book,
    reader: Reader,
    /// What is to become of each event.
    deeds: BTreeMap<u64, Deed>,
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

impl Asking {
    /// Someone who asks a service of these handlers, on the broker at `url`.
    pub async fn of(stage: &Stage, url: &str, cast: Cast, handlers: &[&str]) -> Self {
        let folder = stage.folder().join(uuid());
        fs::create_dir_all(&folder).expect("a folder is made");
        let job = Job::new(url, &folder, cast);
        let builder = Bus::builder()
            .service("asker")
            .connect_timeout(Duration::from_secs(20));
        let bus = within("a bus", builder.connect(url))
            .await
            .expect("a bus connects");
        Self {
            reader: Notebook::open(&job.notebook).reader(),
            stranger: Stranger::connect(url).await,
            job,
            bus,
            book: Book::default(),
            deeds: BTreeMap::new(),
            handlers: handlers.iter().map(|&name| name.to_owned()).collect(),
            dead: HashMap::new(),
        }
    }

    /// Asks for these deeds, each of an aggregate of its own.
    pub async fn ask(&mut self, deeds: &[Deed]) {
        let events: Vec<Asked> = deeds
            .iter()
            .map(|&deed| {
                let number = self.open(deed);
                Asked::new(number, deed)
            })
            .collect();
        self.publish(&events).await;
    }

    /// Asks for these deeds, of one aggregate, in order.
    pub async fn ask_of_line(&mut self, line: &str, deeds: &[Deed]) {
        for &deed in deeds {
            let event = Asked::of_line(self.open(deed), line, deed);
            self.publish(&[event]).await;
        }
    }

    /// The number of an event that is to end as this deed does.
    pub fn open(&mut self, deed: Deed) -> u64 {
        let number = self.book.open();
        self.deeds.insert(number, deed);
        number
    }

    /// Notes how an event that was opened is to end.
    pub(super) fn is_to_end(&mut self, number: u64, deed: Deed) {
        self.deeds.insert(number, deed);
    }

    /// Notes that the broker has a message that someone else published.
    pub(super) fn was_taken(&self, number: u64, id: &str) {
        self.book.close(number, &Ok(id.to_owned()));
    }

    /// Publishes events that were opened before, and notes what is told of each.
    pub async fn publish(&mut self, events: &[Asked]) {
        let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
        self.publish_as(&numbers, events).await;
    }

    /// The same of events of any type.
    pub async fn publish_as<T: Payload>(&self, numbers: &[u64], events: &[T]) {
        // In parts: memory in flight is bounded, and so is the time in which a confirm must come.
        for (numbers, events) in numbers.chunks(500).zip(events.chunks(500)) {
            let results = within("confirms", self.bus.publish_all(events)).await;
            for (number, result) in numbers.iter().zip(&results) {
                self.book.close(*number, result);
            }
        }
    }

    /// What handlers have finished.
    pub fn lines(&mut self) -> &[Line] {
        self.reader.lines()
    }

    /// How many events a handler has finished, each counted once.
    pub fn finished(&mut self, handler: &str) -> usize {
        self.numbers(handler).len()
    }

    /// The dead letters of a handler, so far.
    pub async fn dead(&mut self, handler: &str) -> &[Dead] {
        let queue = format!("{}.{handler}.dlq", self.job.service);
        let taken = self.stranger.take(&queue).await.expect("dead letters are taken");
        let dead = self.dead.entry(handler.to_owned()).or_default();
        dead.extend(taken.iter().map(Dead::of));
        dead
    }

    /// Waits until each handler has finished, or given up on, each event that was asked for; whether that came in time.
    pub async fn settled(&mut self, patience: Duration) -> bool {
        let started = Instant::now();
        // Not by a timeout: dead letters that are being taken when it strikes would be gone.
        while !self.is_settled().await {
            if started.elapsed() > patience {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }

    /// Whether each handler has finished, or given up on, each event that was asked for.
    pub async fn is_settled(&mut self) -> bool {
        for handler in self.handlers.clone() {
            let mut ended = self.numbers(&handler);
            if ended.len() < self.deeds.len() {
                ended.extend(self.dead(&handler).await.iter().map(|dead| dead.number));
            }
            if ended.len() < self.deeds.len() {
                return false;
            }
        }
        true
    }

    /// The events that a handler has finished.
    fn numbers(&mut self, handler: &str) -> HashSet<u64> {
        let lines = self.reader.lines().iter();
        lines
            .filter(|line| line.handler == handler)
            .map(|line| line.number)
            .collect()
    }

    /// Goes back to a broker that was away, as its bare client.
    pub async fn meet_again(&mut self, url: &str) {
        self.stranger = Stranger::connect(url).await;
    }

    /// Makes what comes from now on wait to be let go.
    pub fn hold(&self) {
        let _ = fs::remove_file(self.job.folder.join(RELEASE));
    }

    /// Lets go what waits for it.
    pub fn release(&self) {
        fs::write(self.job.folder.join(RELEASE), "").expect("a file is written");
    }

    /// Makes what handlers need be there, or not.
    pub fn depend(&self, is_down: bool) {
        let file = self.job.folder.join(DOWN);
        if is_down {
            fs::write(file, "").expect("a file is written");
        } else {
            let _ = fs::remove_file(file);
        }
    }

    /// The row: besides the account, every event is to have ended as its deed does, and no other way.
    pub async fn row(mut self, stage: &Stage) -> Row {
        let mut row = stage.row();
        for handler in self.handlers.clone() {
            let letters = self.dead(&handler).await.to_vec();
            for one in &letters {
                let deed = self.deeds.get(&one.number).copied();
                let wanted = deed.and_then(end_of);
                row.check(
                    wanted.is_some_and(|(reason, attempts)| {
                        one.reason == reason && attempts.is_none_or(|attempts| one.attempts == attempts)
                    }),
                    || {
                        format!(
                            "{handler}: event {} ({deed:?}) is a dead letter, {} after {} attempts",
                            one.number, one.reason, one.attempts
                        )
                    },
                );
            }
            let finished = self.numbers(&handler);
            for (number, deed) in &self.deeds {
                row.check(deed.ends_well() || !finished.contains(number), || {
                    format!("{handler}: event {number} ({deed:?}) was finished")
                });
            }
        }
        // A few say it all.
        row.failed.truncate(20);
        let (from, to) = {
            let at = |line: &Line| line.at;
            let lines = self.lines();
            (
                lines.iter().map(at).min().unwrap_or(0),
                lines.iter().map(at).max().unwrap_or(0),
            )
        };
        let account = Account {
            told: self.book.read(),
            lines: self.lines().to_vec(),
            dead: self
                .dead
                .iter()
                .map(|(handler, dead)| {
                    let letters = dead.iter().map(|one| (one.number, one.id.clone()));
                    (handler.clone(), letters.collect())
                })
                .collect(),
            seen: None,
            gone: HashMap::new(),
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
fn end_of(deed: Deed) -> Option<(&'static str, Option<i64>)> {
    match deed {
        _ if deed.ends_well() => None,
        Deed::Reject => Some(("rejected", Some(1))),
        Deed::Abort => Some(("crash-loop", None)),
        Deed::Nonsense => Some(("malformed", Some(1))),
        _ => Some(("failed", Some(3))),
    }
}

impl Dead {
    fn of(message: &BasicGetMessage) -> Self {
        let properties = &message.delivery.properties;
        let message_id = properties.message_id().as_ref().map(ToString::to_string);
        let by_id = message_id.and_then(|id| Some((nonsense::number_of(&id)?, id)));
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
