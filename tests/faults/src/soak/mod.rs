//! A soak injects one random fault after the other into one broker with continuous traffic.

pub(crate) mod service;
mod target;

use std::collections::HashSet;
use std::ops::Range;
use std::time::{Duration, Instant};

pub use self::target::SoakTarget;
pub(crate) use self::target::{PASSWORD, USER};
use crate::account::Account;
use crate::fault::{Fault, all};
use crate::handler_log::{LogEntry, disorder, now};
use crate::harness::Harness;
use crate::publish_log::PublishResult;
use crate::recovery::join_notes;
use crate::row::Row;
use crate::table::Table;

/// The number of events per second.
const PER_SECOND: u32 = 100;

/// Faults that delete events of a handler, so that its order cannot be checked.
const UNORDERED: &[&str] = &["queue-deleted", "vhost-deleted"];

/// The time from one fault to the next, with the events that were published and the results.
#[derive(Debug, Clone)]
struct Phase {
    fault: &'static str,
    numbers: Range<u64>,
    times: (u64, u64),
    row: Row,
}

/// Injects random faults for this time. Each fault is injected once before any is injected again. An event counts for
/// the fault during which it was published.
///
/// # Panics
/// When no event is confirmed after a fault.
pub async fn soak(harness: &Harness, time: Duration) -> Table {
    let faults: Vec<Fault> = all().into_iter().filter(|fault| fault.inject.is_some()).collect();
    let mut target = SoakTarget::open(harness, PER_SECOND).await;
    let started = Instant::now();
    let (mut phases, mut remaining): (Vec<Phase>, Vec<Fault>) = (Vec::new(), Vec::new());
    let mut phase_start = ("none", target.traffic.publish_log().next_number(), now());
    while started.elapsed() < time {
        // The service recovers before the next fault, and sometimes gets more time.
        target
            .traffic
            .confirms(50 + usize::try_from(harness.random(500)).unwrap_or_default())
            .await;
        if remaining.is_empty() {
            remaining.clone_from(&faults);
        }
        let chosen = remaining
            .swap_remove(usize::try_from(harness.random(remaining.len() as u64)).unwrap_or_default());
        println!("{:>6.0?} {}", started.elapsed(), chosen.name);
        phases.push(phase(phase_start, &mut target));
        phase_start = (chosen.name, target.traffic.publish_log().next_number(), now());
        if let Some(inject) = chosen.inject {
            inject(&mut target).await;
        }
        target.recovers().await;
        for failure in &target.row.failed {
            println!("       {failure}");
        }
    }
    target.traffic.confirms(500).await;
    phases.push(phase(phase_start, &mut target));
    if let Some(last) = phases.last_mut() {
        last.numbers.end = u64::MAX;
    }
    let (mut account, notes) = target.finish().await;
    let entries = ordered_entries(&account, &phases);
    account
        .failed
        .extend(disorder(&entries, "ordered").into_iter().take(5));
    let mut table = table(&account, &phases);
    if let Some(total) = table.0.last_mut() {
        total.notes = notes;
    }
    table
}

/// Returns the phase of a fault, which began with the event `first` at the time `since`.
fn phase((fault, first, since): (&'static str, u64, u64), target: &mut SoakTarget) -> Phase {
    Phase {
        fault,
        numbers: first..target.traffic.publish_log().next_number(),
        times: (since, now()),
        row: std::mem::take(&mut target.row),
    }
}

/// Returns the completions of events whose order is known. These events are from single publishers, were published
/// once, and were confirmed before the next event.
fn ordered_entries(account: &Account, phases: &[Phase]) -> Vec<LogEntry> {
    let unordered: Vec<&Range<u64>> = phases
        .iter()
        .filter(|phase| UNORDERED.contains(&phase.fault))
        .map(|phase| &phase.numbers)
        .collect();
    let once: HashSet<u64> = account
        .seen
        .iter()
        .flatten()
        .filter(|(_, copies)| copies.len() == 1)
        .map(|(number, _)| *number)
        .collect();
    let is_known = |entry: &&LogEntry| {
        entry.aggregate.starts_with("one-")
            && once.contains(&entry.number)
            && matches!(
                account.results.get(&entry.number),
                Some(PublishResult::Confirmed(_))
            )
            && !unordered.iter().any(|numbers| numbers.contains(&entry.number))
    };
    account.entries.iter().filter(is_known).cloned().collect()
}

/// Returns a row for each injected fault, by name, and a row for all faults.
fn table(account: &Account, phases: &[Phase]) -> Table {
    let mut rows: Vec<Row> = Vec::new();
    let mut total = Row {
        fault: "all".to_owned(),
        failed: account.failed.clone(),
        ..Row::default()
    };
    for Phase {
        fault,
        numbers,
        times,
        row,
    } in phases
    {
        let mut row = account.part(numbers, *times).into_row(Row {
            fault: (*fault).to_owned(),
            times: 1,
            ..row.clone()
        });
        let notes = std::mem::take(&mut row.notes);
        total.add(&row);
        let index = rows.iter().position(|known| known.fault == *fault);
        let index = index.unwrap_or_else(|| {
            rows.push(Row {
                fault: (*fault).to_owned(),
                ..Row::default()
            });
            rows.len() - 1
        });
        rows[index].add(&row);
        join_notes(&mut rows[index], &notes);
    }
    rows.sort_by(|one, other| one.fault.cmp(&other.fault));
    rows.push(total);
    Table(rows)
}
