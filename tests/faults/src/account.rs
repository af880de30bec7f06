//! The account of a run compares the results of all publishes with the finished and dead-lettered events.

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
    /// The events that an operator deleted with a queue or kept out by deleting a binding, by handler.
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
    /// Returns the row of this account. `row` has the name of the fault, its count and earlier results.
    pub fn into_row(self, row: Row) -> Row {
        let (finished, dead) = (finished(&self.entries), self.dead_numbers());
        let has_ended = |handler: &str, number: u64| {
            finished.contains_key(&(handler, number)) || dead.contains(&(handler, number))
        };
        let by_all = |is: &dyn Fn(&str) -> bool| self.handlers.iter().all(|handler| is(handler));
        let confirmed = || self.confirmed();
        let is_deleted = |handler: &str, number: u64| {
            self.deleted
                .get(handler)
                .is_some_and(|deleted| deleted.contains(&number))
        };
        let accounted =
            |handler: &str, number: u64| has_ended(handler, number) || is_deleted(handler, number);
        let lost: Vec<u64> = confirmed()
            .filter(|&number| !by_all(&|handler| accounted(handler, number)))
            .collect();
        let wrong_ok = confirmed()
            .filter(|&number| {
                !self.was_on_broker(number, &has_ended) && !by_all(&|handler| is_deleted(handler, number))
            })
            .count();
        let handled = self
            .results
            .keys()
            .filter(|&&number| by_all(&|handler| finished.contains_key(&(handler, number))))
            .count();
        let dead_lettered: HashSet<u64> = dead.iter().map(|(_, number)| *number).collect();
        let mut failed = self.failed.clone();
        failed.extend(self.contradictions());
        failed.extend(self.losses_by_handler(&lost, &accounted));
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
                .filter(|entry| is_in(&entry.number))
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
            published,
            ..Self::default()
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
    fn was_on_broker(&self, number: u64, has_ended: &impl Fn(&str, u64) -> bool) -> bool {
        let seen = self.seen.as_ref();
        seen.is_some_and(|seen| seen.contains_key(&number))
            || self.handlers.iter().any(|handler| has_ended(handler, number))
    }

    /// Returns the contradictions between the records, which no fault may cause.
    fn contradictions(&self) -> Vec<String> {
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
        let (mut not_delivered, mut other, mut several) = (0, 0, 0);
        for (number, ids) in &ids {
            several += u64::from(ids.len() > 1);
            match self.results.get(number) {
                Some(PublishResult::NotDelivered(_)) => not_delivered += 1,
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
                not_delivered,
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
    fn losses_by_handler(&self, lost: &[u64], accounted: &impl Fn(&str, u64) -> bool) -> Vec<String> {
        let mut lost = lost.to_vec();
        lost.sort_unstable();
        self.handlers
            .iter()
            .filter_map(|handler| {
                let missing: Vec<u64> = lost
                    .iter()
                    .copied()
                    .filter(|&number| !accounted(handler, number))
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

    fn entry(handler: &str, number: u64, at: u64) -> LogEntry {
        LogEntry {
            handler: handler.to_owned(),
            number,
            id: format!("id-{number}"),
            aggregate: "a".to_owned(),
            at,
        }
    }

    fn result_of(number: u64, result: impl Fn(String) -> PublishResult) -> (u64, PublishResult) {
        (number, result(format!("id-{number}")))
    }

    fn account() -> Account {
        Account {
            results: HashMap::from([
                result_of(1, PublishResult::Confirmed),
                result_of(2, PublishResult::Confirmed),
                result_of(3, PublishResult::MaybeDelivered),
            ]),
            entries: vec![
                entry("a", 1, 10),
                entry("b", 1, 20),
                entry("a", 2, 30),
                entry("a", 1, 70),
            ],
            dead: HashMap::from([("b".to_owned(), vec![(2, "id-2".to_owned())])]),
            handlers: vec!["a".to_owned(), "b".to_owned()],
            published: (0, 80),
            ..Account::default()
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
    fn a_confirmed_event_that_no_client_received_is_a_wrong_ok() {
        let mut account = account();
        account
            .results
            .insert(9, PublishResult::Confirmed("id-9".to_owned()));
        account.seen = Some(HashMap::new());
        let row = account.into_row(Row::default());
        assert_eq!((row.lost, row.wrong_ok), (1, 1));
    }

    #[test]
    fn an_event_that_arrives_although_not_delivered_or_with_another_id_is_a_failure() {
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
    fn a_part_of_an_account_counts_only_its_own_events() {
        let mut account = account();
        account.dead.clear();
        let lost = |numbers| account.part(&numbers, (0, 80)).into_row(Row::default()).lost;
        assert_eq!((lost(1..2), lost(2..3), lost(3..4)), (0, 1, 0));
    }

    #[test]
    fn an_event_that_arrives_with_two_ids_is_a_failure() {
        let mut account = account();
        account.seen = Some(HashMap::from([(1, vec!["id-1".to_owned(), "id-x".to_owned()])]));
        let row = account.into_row(Row::default());
        assert_eq!(row.failed, ["1 events arrived with several ids"]);
    }
}
