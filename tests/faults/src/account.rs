//! The account of a run: compares the results of all publishes with what was finished and dead-lettered.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use crate::handler_log::{LogEntry, finished};
use crate::publish_log::PublishResult;
use crate::row::Row;

/// Everything that is known about the events of a finished run.
#[derive(Debug, Default)]
pub struct Account {
    /// The result of each publish, by event number.
    pub results: HashMap<u64, PublishResult>,
    /// The completions that handlers logged.
    pub entries: Vec<LogEntry>,
    /// The number and the id of each dead letter, by handler.
    pub dead: HashMap<String, Vec<(u64, String)>>,
    /// The events that were deleted with a queue or missed with a binding that an operator deleted, by handler.
    pub deleted: HashMap<String, HashSet<u64>>,
    /// The id of each copy that the recorder received, by event number. `None` without a recorder.
    pub seen: Option<HashMap<u64, Vec<String>>>,
    /// The handlers that must receive every event.
    pub handlers: Vec<String>,
    /// How many messages are in the orphans queue.
    pub orphans: u32,
    /// The start and the end of publishing, in microseconds since 1970.
    pub published: (u64, u64),
    /// Failures of the run itself, one sentence each.
    pub failed: Vec<String>,
}

impl Account {
    /// Returns the row of this account. `row` has the name of the fault and its count.
    pub fn into_row(self, row: Row) -> Row {
        let (finished, dead) = (finished(&self.entries), self.dead_numbers());
        let has = |handler: &str, number: u64| {
            finished.contains_key(&(handler, number)) || dead.contains(&(handler, number))
        };
        let by_all = |is: &dyn Fn(&str) -> bool| self.handlers.iter().all(|handler| is(handler));
        let confirmed = || self.confirmed();
        let is_gone = |handler: &str, number: u64| {
            self.deleted
                .get(handler)
                .is_some_and(|deleted| deleted.contains(&number))
        };
        let accounted = |handler: &str, number: u64| has(handler, number) || is_gone(handler, number);
        let lost: Vec<u64> = confirmed()
            .filter(|&number| !by_all(&|handler| accounted(handler, number)))
            .collect();
        let wrong_ok = confirmed()
            .filter(|&number| !self.was_there(number, &has) && !by_all(&|handler| is_gone(handler, number)))
            .count();
        let handled = self
            .results
            .keys()
            .filter(|&&number| by_all(&|handler| finished.contains_key(&(handler, number))))
            .count();
        let dead_lettered: HashSet<u64> = dead.iter().map(|(_, number)| *number).collect();
        let mut failed = self.failed.clone();
        failed.extend(self.broken_promises());
        failed.extend(self.where_lost(&lost, &accounted));
        Row {
            published: self.results.len() as u64,
            confirmed: confirmed().count() as u64,
            handled: handled as u64,
            redelivered: finished.values().map(|times| times - 1).sum(),
            dead_lettered: dead_lettered.len() as u64,
            lost: lost.len() as u64,
            wrong_ok: wrong_ok as u64,
            longest_pause: self.longest_pause(),
            failed: [row.failed.clone(), failed].concat(),
            ..row
        }
    }

    /// Returns the account of the events with these numbers, which were published in this period.
    pub fn part(&self, numbers: &Range<u64>, published: (u64, u64)) -> Self {
        let is_in = |number: &u64| numbers.contains(number);
        Self {
            results: self
                .results
                .iter()
                .filter(|(number, _)| is_in(number))
                .map(cloned)
                .collect(),
            entries: self
                .entries
                .iter()
                .filter(|line| is_in(&line.number))
                .cloned()
                .collect(),
            dead: self
                .dead
                .iter()
                .map(|(handler, dead)| {
                    (
                        handler.clone(),
                        dead.iter().filter(|(number, _)| is_in(number)).cloned().collect(),
                    )
                })
                .collect(),
            seen: self.seen.as_ref().map(|seen| {
                seen.iter()
                    .filter(|(number, _)| is_in(number))
                    .map(cloned)
                    .collect()
            }),
            deleted: self.deleted.clone(),
            handlers: self.handlers.clone(),
            orphans: 0,
            published,
            failed: Vec::new(),
        }
    }

    /// The numbers of all confirmed events.
    pub fn confirmed(&self) -> impl Iterator<Item = u64> {
        self.results
            .iter()
            .filter(|(_, result)| matches!(result, PublishResult::Confirmed(_)))
            .map(|(number, _)| *number)
    }

    fn dead_numbers(&self) -> HashSet<(&str, u64)> {
        self.dead
            .iter()
            .flat_map(|(handler, letters)| letters.iter().map(move |(number, _)| (handler.as_str(), *number)))
            .collect()
    }

    /// Whether the recorder or a handler received the event.
    fn was_there(&self, number: u64, has: &impl Fn(&str, u64) -> bool) -> bool {
        let seen = self.seen.as_ref();
        seen.is_some_and(|seen| seen.contains_key(&number))
            || self.handlers.iter().any(|handler| has(handler, number))
    }

    /// Checks what must hold for every fault.
    fn broken_promises(&self) -> Vec<String> {
        let mut ids: HashMap<u64, HashSet<&str>> = HashMap::new();
        for LogEntry { number, id, .. } in &self.entries {
            ids.entry(*number).or_default().insert(id);
        }
        let seen = self.seen.iter().flatten();
        for (number, copies) in seen {
            ids.entry(*number)
                .or_default()
                .extend(copies.iter().map(String::as_str));
        }
        for (number, id) in self.dead.values().flatten() {
            ids.entry(*number).or_default().insert(id);
        }
        let (mut refused, mut other, mut several) = (0, 0, 0);
        for (number, ids) in &ids {
            several += u64::from(ids.len() > 1);
            match self.results.get(number) {
                Some(PublishResult::NotDelivered(_)) => refused += 1,
                Some(PublishResult::Confirmed(id) | PublishResult::MaybeDelivered(id))
                    if !ids.contains(id.as_str()) =>
                {
                    other += 1;
                }
                _ => {}
            }
        }
        let failure = |count: u64, what: &str| (count > 0).then(|| format!("{count} events {what}"));
        [
            failure(
                refused,
                "were published although the caller's error said that they were not delivered",
            ),
            failure(
                other,
                "arrived with another id than the one that `publish` returned",
            ),
            failure(several, "arrived with several ids"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Lists some of the lost events of each handler.
    fn where_lost(&self, lost: &[u64], has: &impl Fn(&str, u64) -> bool) -> Vec<String> {
        let mut lost = lost.to_vec();
        lost.sort_unstable();
        self.handlers
            .iter()
            .filter_map(|handler| {
                let missing: Vec<u64> = lost
                    .iter()
                    .copied()
                    .filter(|&number| !has(handler, number))
                    .collect();
                let few = &missing[..missing.len().min(10)];
                (!missing.is_empty())
                    .then(|| format!("{handler} misses {} events, such as {few:?}", missing.len()))
            })
            .collect()
    }

    /// The longest time without a completion while events were published.
    fn longest_pause(&self) -> Duration {
        let (from, to) = self.published;
        let mut times: Vec<u64> = self
            .entries
            .iter()
            .map(|entry| entry.at)
            .filter(|at| (from..=to).contains(at))
            .collect();
        times.extend([from, to]);
        times.sort_unstable();
        let pause = times.windows(2).map(|pair| pair[1] - pair[0]).max();
        Duration::from_micros(pause.unwrap_or_default())
    }
}

fn cloned<T: Clone>((number, value): (&u64, &T)) -> (u64, T) {
    (*number, value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(handler: &str, number: u64, at: u64) -> LogEntry {
        LogEntry {
            handler: handler.to_owned(),
            number,
            id: format!("id-{number}"),
            aggregate: "a".to_owned(),
            at,
        }
    }

    fn outcome(number: u64, result: impl Fn(String) -> PublishResult) -> (u64, PublishResult) {
        (number, result(format!("id-{number}")))
    }

    fn account() -> Account {
        Account {
            results: HashMap::from([
                outcome(1, PublishResult::Confirmed),
                outcome(2, PublishResult::Confirmed),
                outcome(3, PublishResult::MaybeDelivered),
            ]),
            entries: vec![
                line("a", 1, 10),
                line("b", 1, 20),
                line("a", 2, 30),
                line("a", 1, 70),
            ],
            dead: HashMap::from([("b".to_owned(), vec![(2, "id-2".to_owned())])]),
            deleted: HashMap::new(),
            seen: None,
            handlers: vec!["a".to_owned(), "b".to_owned()],
            orphans: 0,
            published: (0, 80),
            failed: Vec::new(),
        }
    }

    #[test]
    fn an_event_that_each_handler_finished_or_dead_lettered_is_not_lost() {
        let row = account().into_row(Row::default());
        assert!(row.passed(), "{row:?}");
        assert_eq!((row.published, row.confirmed, row.handled), (3, 2, 1));
        assert_eq!((row.redelivered, row.dead_lettered), (1, 1));
        assert_eq!(row.longest_pause, Duration::from_micros(40));
    }

    #[test]
    fn an_event_that_one_handler_never_received_is_lost() {
        let mut account = account();
        account.dead.clear();
        let row = account.into_row(Row::default());
        assert_eq!((row.lost, row.wrong_ok), (1, 0));
        assert_eq!(row.failed, ["b misses 1 events, such as [2]"]);
    }

    #[test]
    fn an_event_deleted_by_an_operator_is_not_lost_for_that_handler() {
        let mut account = account();
        account.dead.clear();
        account.deleted.insert("b".to_owned(), HashSet::from([2]));
        assert!(account.into_row(Row::default()).passed());
        let mut account = self::account();
        account
            .results
            .insert(9, PublishResult::Confirmed("id-9".to_owned()));
        account.deleted.insert("b".to_owned(), HashSet::from([9]));
        let row = account.into_row(Row::default());
        assert_eq!((row.lost, row.wrong_ok), (1, 1));
    }

    #[test]
    fn a_confirmed_event_that_nobody_received_is_a_wrong_ok() {
        let mut account = account();
        account
            .results
            .insert(9, PublishResult::Confirmed("id-9".to_owned()));
        account.seen = Some(HashMap::new());
        let row = account.into_row(Row::default());
        assert_eq!((row.lost, row.wrong_ok), (1, 1));
    }

    #[test]
    fn an_event_that_arrives_as_not_delivered_or_with_another_id_fails() {
        let mut account = account();
        account
            .results
            .insert(1, PublishResult::NotDelivered("id-1".to_owned()));
        account
            .results
            .insert(2, PublishResult::Confirmed("other".to_owned()));
        let row = account.into_row(Row::default());
        assert_eq!(row.failed.len(), 2, "{row:?}");
    }

    #[test]
    fn a_part_counts_its_own_events_only() {
        let mut account = account();
        account.dead.clear();
        let lost = |numbers| account.part(&numbers, (0, 80)).into_row(Row::default()).lost;
        assert_eq!((lost(1..2), lost(2..3), lost(3..4)), (0, 1, 0));
    }

    #[test]
    fn one_number_with_two_ids_fails() {
        let mut account = account();
        account.seen = Some(HashMap::from([(1, vec!["id-1".to_owned(), "id-x".to_owned()])]));
        let row = account.into_row(Row::default());
        assert_eq!(row.failed, ["1 events arrived with several ids"]);
    }
}
