//! The soak: one broker, traffic throughout, and faults drawn one after the other.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings_broker::Node;

use crate::account::Account;
use crate::fault::{Fault, Strike, all};
use crate::notebook::now;
use crate::row::Row;
use crate::stage::{Room, Stage};
use crate::table::Table;
use crate::traffic::Load;

/// A broker with traffic on it, to do a fault to.
#[derive(Debug)]
pub struct Field {
    /// The node.
    pub node: Arc<Node>,
    /// The virtual host of the traffic.
    pub room: Room,
}

/// Does a fault as often as the stage says to a node with the usual traffic on it, some events in between.
pub async fn through(stage: &Stage, strike: Strike) -> Row {
    let node = stage.victim().await;
    let room = stage.room(&node).await;
    let mut traffic = Load::on(&room.url).start(stage).await;
    let field = Field { node, room };
    for _ in 0..stage.times() {
        traffic.confirms(300).await;
        strike(&field).await;
    }
    traffic.confirms(300).await;
    traffic.settle().await.into_row(stage.row())
}

/// From one fault to the next: which events were published meanwhile, and when.
#[derive(Debug, Clone)]
struct Stint {
    fault: &'static str,
    numbers: Range<u64>,
    times: (u64, u64),
}

/// Draws faults for so long, one after the other, and accounts for every event by the fault it was published in.
///
/// # Panics
/// When nothing is confirmed any more after a fault.
pub async fn soak(stage: &Stage, time: Duration) -> Table {
    let faults: Vec<Fault> = all().into_iter().filter(|fault| fault.strike.is_some()).collect();
    let node = stage.victim().await;
    let room = stage.room(&node).await;
    let mut traffic = Load::on(&room.url).per_second(200).start(stage).await;
    let field = Field { node, room };
    let started = Instant::now();
    let mut stints: Vec<Stint> = Vec::new();
    let mut begin = ("none", traffic.book().next(), now());
    while started.elapsed() < time {
        // What was disturbed is to be well again before it is disturbed anew, and sometimes for longer.
        traffic
            .confirms(100 + usize::try_from(stage.random(1_000)).unwrap_or_default())
            .await;
        let drawn = faults[usize::try_from(stage.random(faults.len() as u64)).unwrap_or_default()];
        println!("{:>6.0?} {}", started.elapsed(), drawn.name);
        stints.push(stint(begin, &traffic));
        begin = (drawn.name, traffic.book().next(), now());
        if let Some(strike) = drawn.strike {
            strike(&field).await;
        }
    }
    traffic.confirms(500).await;
    stints.push(stint(begin, &traffic));
    if let Some(last) = stints.last_mut() {
        last.numbers.end = u64::MAX;
    }
    table(&traffic.settle().await, &stints)
}

fn stint((fault, first, since): (&'static str, u64, u64), traffic: &crate::traffic::Traffic) -> Stint {
    Stint {
        fault,
        numbers: first..traffic.book().next(),
        times: (since, now()),
    }
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
    } in stints
    {
        let row = account.part(numbers, *times).into_row(Row {
            fault: (*fault).to_owned(),
            times: 1,
            ..Row::default()
        });
        total.add(&row);
        match rows.iter_mut().find(|known| known.fault == *fault) {
            Some(known) => known.add(&row),
            None => rows.push(row),
        }
    }
    rows.sort_by(|one, other| one.fault.cmp(&other.fault));
    rows.push(total);
    Table(rows)
}
