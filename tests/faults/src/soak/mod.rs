//! The soak: one broker, traffic throughout, and faults drawn one after the other.

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

/// How many events a second there are.
const PER_SECOND: u32 = 100;

/// Faults by which a handler's events go, so that what it finishes of them is in no order.
const DISORDERLY: &[&str] = &["queue-deleted", "vhost-deleted"];

/// From one fault to the next: which events were published meanwhile, and when, and what else there is to say.
#[derive(Debug, Clone)]
struct Phase {
    fault: &'static str,
    numbers: Range<u64>,
    times: (u64, u64),
    row: Row,
}

/// Draws faults for so long, one after the other, each once before any is drawn again, and accounts for every event by
/// the fault it was published in.
///
/// # Panics
/// When nothing is confirmed any more after a fault.
pub async fn soak(harness: &Harness, time: Duration) -> Table {
    let faults: Vec<Fault> = all().into_iter().filter(|fault| fault.inject.is_some()).collect();
    let mut target = SoakTarget::open(harness, PER_SECOND).await;
    let started = Instant::now();
    let (mut phases, mut deck): (Vec<Phase>, Vec<Fault>) = (Vec::new(), Vec::new());
    let mut begin = ("none", target.traffic.publish_log().next_number(), now());
    while started.elapsed() < time {
        // What was disturbed is to be well again before it is disturbed anew, and sometimes for longer.
        target
            .traffic
            .confirms(50 + usize::try_from(harness.random(500)).unwrap_or_default())
            .await;
        if deck.is_empty() {
            deck.clone_from(&faults);
        }
        let drawn = deck.swap_remove(usize::try_from(harness.random(deck.len() as u64)).unwrap_or_default());
        println!("{:>6.0?} {}", started.elapsed(), drawn.name);
        phases.push(phase(begin, &mut target));
        begin = (drawn.name, target.traffic.publish_log().next_number(), now());
        if let Some(inject) = drawn.inject {
            inject(&mut target).await;
        }
        target.recovers().await;
        for fault in &target.row.failed {
            println!("       {fault}");
        }
    }
    target.traffic.confirms(500).await;
    phases.push(phase(begin, &mut target));
    if let Some(last) = phases.last_mut() {
        last.numbers.end = u64::MAX;
    }
    let (mut account, notes) = target.finish().await;
    let entries = in_their_order(&account, &phases);
    account
        .failed
        .extend(disorder(&entries, "ordered").into_iter().take(5));
    let mut table = table(&account, &phases);
    if let Some(total) = table.0.last_mut() {
        total.notes = notes;
    }
    table
}

/// What is over, and was begun then, with what was found in it.
fn phase((fault, first, since): (&'static str, u64, u64), target: &mut SoakTarget) -> Phase {
    Phase {
        fault,
        numbers: first..target.traffic.publish_log().next_number(),
        times: (since, now()),
        row: std::mem::take(&mut target.row),
    }
}

/// What was finished of the events whose order is known: of entries that are published one by one, those that were
/// published once, and not held back by the network while their publisher went on.
fn in_their_order(account: &Account, phases: &[Phase]) -> Vec<LogEntry> {
    let disorderly: Vec<&Range<u64>> = phases
        .iter()
        .filter(|phase| DISORDERLY.contains(&phase.fault))
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
            && !disorderly.iter().any(|numbers| numbers.contains(&entry.number))
    };
    account.entries.iter().filter(is_known).cloned().collect()
}

/// A row for each fault that was drawn, by name, and one for all.
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
        let known = rows.iter().position(|known| known.fault == *fault);
        let known = known.unwrap_or_else(|| {
            rows.push(Row {
                fault: (*fault).to_owned(),
                ..Row::default()
            });
            rows.len() - 1
        });
        rows[known].add(&row);
        join_notes(&mut rows[known], &notes);
    }
    rows.sort_by(|one, other| one.fault.cmp(&other.fault));
    rows.push(total);
    Table(rows)
}
