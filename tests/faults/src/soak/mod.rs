//! The soak: one broker, traffic throughout, and faults drawn one after the other.

mod field;
pub(crate) mod service;

use std::collections::HashSet;
use std::ops::Range;
use std::time::{Duration, Instant};

pub use self::field::Field;
pub(crate) use self::field::{CLERK, PASSWORD};
use crate::account::Account;
use crate::fault::{Fault, all};
use crate::notebook::{Line, disorder, now};
use crate::recovery::join_notes;
use crate::row::Row;
use crate::stage::Stage;
use crate::table::Table;
use crate::told::Told;

/// How many events a second there are.
const PER_SECOND: u32 = 100;

/// Faults by which a handler's events go, so that what it finishes of them is in no order.
const DISORDERLY: &[&str] = &["queue-deleted", "vhost-deleted"];

/// From one fault to the next: which events were published meanwhile, and when, and what else there is to say.
#[derive(Debug, Clone)]
struct Stint {
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
pub async fn soak(stage: &Stage, time: Duration) -> Table {
    let faults: Vec<Fault> = all().into_iter().filter(|fault| fault.strike.is_some()).collect();
    let mut field = Field::open(stage, PER_SECOND).await;
    let started = Instant::now();
    let (mut stints, mut deck): (Vec<Stint>, Vec<Fault>) = (Vec::new(), Vec::new());
    let mut begin = ("none", field.traffic.book().next(), now());
    while started.elapsed() < time {
        // What was disturbed is to be well again before it is disturbed anew, and sometimes for longer.
        field
            .traffic
            .confirms(50 + usize::try_from(stage.random(500)).unwrap_or_default())
            .await;
        if deck.is_empty() {
            deck.clone_from(&faults);
        }
        let drawn = deck.swap_remove(usize::try_from(stage.random(deck.len() as u64)).unwrap_or_default());
        println!("{:>6.0?} {}", started.elapsed(), drawn.name);
        stints.push(stint(begin, &mut field));
        begin = (drawn.name, field.traffic.book().next(), now());
        if let Some(strike) = drawn.strike {
            strike(&mut field).await;
        }
        field.recovers().await;
        for fault in &field.row.failed {
            println!("       {fault}");
        }
    }
    field.traffic.confirms(500).await;
    stints.push(stint(begin, &mut field));
    if let Some(last) = stints.last_mut() {
        last.numbers.end = u64::MAX;
    }
    let (mut account, notes) = field.settle().await;
    let lines = in_their_order(&account, &stints);
    account
        .failed
        .extend(disorder(&lines, "ordered").into_iter().take(5));
    let mut table = table(&account, &stints);
    if let Some(total) = table.0.last_mut() {
        total.notes = notes;
    }
    table
}

/// What is over, and was begun then, with what was found in it.
fn stint((fault, first, since): (&'static str, u64, u64), field: &mut Field) -> Stint {
    Stint {
        fault,
        numbers: first..field.traffic.book().next(),
        times: (since, now()),
        row: std::mem::take(&mut field.row),
    }
}

/// What was finished of the events whose order is known: of lines that are published one by one, those that were
/// published once, and not held back by the network while their publisher went on.
fn in_their_order(account: &Account, stints: &[Stint]) -> Vec<Line> {
    let disorderly: Vec<&Range<u64>> = stints
        .iter()
        .filter(|stint| DISORDERLY.contains(&stint.fault))
        .map(|stint| &stint.numbers)
        .collect();
    let once: HashSet<u64> = account
        .seen
        .iter()
        .flatten()
        .filter(|(_, copies)| copies.len() == 1)
        .map(|(number, _)| *number)
        .collect();
    let is_known = |line: &&Line| {
        line.line.starts_with("one-")
            && once.contains(&line.number)
            && matches!(account.told.get(&line.number), Some(Told::Ok(_)))
            && !disorderly.iter().any(|numbers| numbers.contains(&line.number))
    };
    account.lines.iter().filter(is_known).cloned().collect()
}

/// A row for each fault that was drawn, by name, and one for all.
fn table(account: &Account, stints: &[Stint]) -> Table {
    let mut rows: Vec<Row> = Vec::new();
    let mut total = Row {
        fault: "all".to_owned(),
        failed: account.failed.clone(),
        ..Row::default()
    };
    for Stint {
        fault,
        numbers,
        times,
        row,
    } in stints
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
