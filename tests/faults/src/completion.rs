//! Waits until every confirmed event is handled or dead-lettered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use lapin::BasicProperties;
use tokio::time::Instant;

use crate::handler_log::HandlerLogReader;
use crate::publish_log::{PublishLog, PublishResult};
use crate::recorder::number_and_id;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::POLL_INTERVAL;

/// How long no event was finished before the dead letters are read.
const IDLE: Duration = Duration::from_secs(1);

/// The events that are still outstanding after publishing has stopped.
#[derive(Debug)]
pub struct Completion {
    /// The unfinished events of each handler.
    outstanding: HashMap<String, HashSet<u64>>,
    service: String,
    url: String,
    dead: HashMap<String, Vec<(u64, String)>>,
    /// The number of dead letters by handler and reason.
    reasons: BTreeMap<String, usize>,
    read: usize,
}

impl Completion {
    /// Every confirmed event is outstanding for each handler.
    pub fn of(publish_log: &PublishLog, service: &str, handlers: &[String], url: &str) -> Self {
        let results = publish_log.results();
        let confirmed: HashSet<u64> = results
            .iter()
            .filter(|(_, result)| matches!(result, PublishResult::Confirmed(_)))
            .map(|(number, _)| *number)
            .collect();
        Self {
            outstanding: handlers
                .iter()
                .map(|name| (name.clone(), confirmed.clone()))
                .collect(),
            service: service.to_owned(),
            url: url.to_owned(),
            dead: HashMap::new(),
            reasons: BTreeMap::new(),
            read: 0,
        }
    }

    /// Waits until no event is outstanding, or no event was finished for `patience`. Returns whether none is
    /// outstanding.
    pub async fn finish(&mut self, reader: &mut HandlerLogReader, patience: Duration) -> bool {
        let mut idle_since = Instant::now();
        let mut dead_letters_read = Instant::now();
        loop {
            if self.read_entries(reader) {
                idle_since = Instant::now();
            }
            if dead_letters_read.elapsed() > IDLE && idle_since.elapsed() > IDLE {
                if self.take_dead_letters().await > 0 {
                    idle_since = Instant::now();
                }
                dead_letters_read = Instant::now();
            }
            let done = self.outstanding.values().all(HashSet::is_empty);
            if done || idle_since.elapsed() > patience {
                // This counts all dead letters, also of events that a handler finished.
                self.take_dead_letters().await;
                return done;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The number and the id of each dead letter, by handler.
    pub fn into_dead(self) -> HashMap<String, Vec<(u64, String)>> {
        self.dead
    }

    /// The number of dead letters, one sentence for each handler and reason.
    pub fn reasons(&self) -> Vec<String> {
        let reasons = self.reasons.iter();
        reasons
            .map(|(reason, times)| format!("{times} dead letters of {reason}"))
            .collect()
    }

    /// How many messages are in the orphans queue.
    pub async fn orphans(&self) -> u32 {
        match ForeignClient::try_connect(&self.url).await {
            Ok(client) => client
                .depth(&format!("{}.orphans", self.service))
                .await
                .unwrap_or(0),
            Err(_) => 0,
        }
    }

    fn read_entries(&mut self, reader: &mut HandlerLogReader) -> bool {
        let entries = reader.entries();
        let has_new = entries.len() > self.read;
        for entry in &entries[self.read..] {
            if let Some(outstanding) = self.outstanding.get_mut(&entry.handler) {
                outstanding.remove(&entry.number);
            }
        }
        self.read = entries.len();
        has_new
    }

    async fn take_dead_letters(&mut self) -> usize {
        let Ok(client) = ForeignClient::try_connect(&self.url).await else {
            return 0;
        };
        let mut taken = 0;
        for (handler, outstanding) in &mut self.outstanding {
            let queue = format!("{}.{handler}.dlq", self.service);
            for message in client.take(&queue).await.unwrap_or_default() {
                taken += 1;
                let reason = format!("{handler}: {}", reason(&message.delivery.properties));
                *self.reasons.entry(reason).or_default() += 1;
                if let Some((number, id)) = number_and_id(&message.delivery.data) {
                    outstanding.remove(&number);
                    self.dead.entry(handler.clone()).or_default().push((number, id));
                }
            }
        }
        taken
    }
}

/// The reason and the error of a dead letter.
fn reason(properties: &BasicProperties) -> String {
    let headers = properties.headers().as_ref();
    let header = |name| {
        let value = headers.and_then(|headers| headers.inner().get(name))?;
        value.as_long_string().map(ToString::to_string)
    };
    ["tidings-dead-letter-reason", "tidings-error"]
        .into_iter()
        .filter_map(header)
        .collect::<Vec<_>>()
        .join(", ")
}
