//! Checks how fast the service recovers after a fault.

use std::time::Duration;

use tokio::time::Instant;

use crate::row::Row;
use crate::traffic::Traffic;
use tidings_test_support::wait::becomes_true;

/// The deadline of one step. The checked bounds are shorter.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until events that are published from now on are confirmed and finished by every handler. This must happen
/// within `bound`, which is ten times the usual duration, for busy machines.
pub(crate) async fn recovers(traffic: &mut Traffic, row: &mut Row, bound: Duration, handlers: &[&str]) {
    let began = Instant::now();
    let (from, known) = (traffic.publish_log().next_number(), traffic.finished());
    let recovered = becomes_true(PATIENCE, async || {
        let since = &traffic.entries()[known..];
        let has_recovered = |handler: &&str| {
            let mut last = since.iter().rev();
            last.any(|entry| entry.handler == **handler && entry.number >= from)
        };
        handlers.iter().all(has_recovered) && traffic.publish_log().confirmed_since(from)
    })
    .await;
    let took = began.elapsed();
    row.check(recovered && took <= bound, || {
        format!("the recovery took {took:.1?}, more than {bound:?}")
    });
    slowest(row, "recovered", took);
}

/// Waits until both buses report that they are disconnected. This must happen within `bound`.
pub(crate) async fn loss_is_noticed(traffic: &Traffic, row: &mut Row, bound: Duration) {
    let began = Instant::now();
    let (mut by_publisher, mut by_consumer) = (false, false);
    let noticed = becomes_true(PATIENCE, async || {
        by_publisher |= !traffic.bus().health().connected;
        by_consumer |= !traffic.app().health().bus.connected;
        by_publisher && by_consumer
    })
    .await;
    let took = began.elapsed();
    row.check(noticed && took <= bound, || {
        format!("the buses noticed the loss after {took:.1?}, more than {bound:?}")
    });
    slowest(row, "loss noticed", took);
}

/// Adds a note, or updates its duration if this one is longer.
pub(crate) fn slowest(row: &mut Row, what: &str, took: Duration) {
    let took = took.as_secs_f64();
    let start = format!("{what} after ");
    let slowest = row.notes.iter_mut().find(|note| note.starts_with(&start));
    let seconds = |note: &String| {
        note[start.len()..]
            .trim_end_matches(" s at most")
            .parse()
            .unwrap_or(0.0)
    };
    let now = format!("{start}{took:.1} s at most");
    match slowest {
        Some(note) if seconds(note) < took => *note = now,
        Some(_) => {}
        None => row.notes.push(now),
    }
}

/// Adds notes to a row. Of equal notes with a duration, it keeps only the longest.
pub(crate) fn join_notes(row: &mut Row, notes: &[String]) {
    for note in notes {
        let timed = note
            .strip_suffix(" s at most")
            .and_then(|note| note.rsplit_once(" after "));
        match timed.map(|(what, took)| (what, took.parse())) {
            Some((what, Ok(took))) => slowest(row, what, Duration::from_secs_f64(took)),
            _ if !row.notes.contains(note) => row.notes.push(note.clone()),
            _ => {}
        }
    }
}

/// Waits until the health of the app and of the buses contains all of `texts`.
pub(crate) async fn health_reports(traffic: &Traffic, row: &mut Row, texts: &[&str]) {
    let mut last = String::new();
    let reported = becomes_true(PATIENCE, async || {
        last = reasons(traffic);
        texts.iter().all(|text| last.contains(text))
    })
    .await;
    row.check(reported, || {
        format!("the health does not report {texts:?}: {last}")
    });
}

fn reasons(traffic: &Traffic) -> String {
    let health = traffic.app().health();
    let mut reasons: Vec<String> = health.bus.reason.iter().cloned().collect();
    reasons.extend(traffic.bus().health().reason);
    for handler in &health.handlers {
        reasons.push(handler.state.to_string());
        reasons.extend(handler.trouble.clone());
    }
    reasons.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_longest_duration_is_kept() {
        let mut row = Row::default();
        for notes in [
            ["recovered after 1.5 s at most", "3 retries wait"],
            ["recovered after 0.7 s at most", "3 retries wait"],
            [
                "recovered after 2.0 s at most",
                "loss noticed after 0.1 s at most",
            ],
        ] {
            join_notes(&mut row, &notes.map(str::to_owned));
        }
        assert_eq!(
            row.notes,
            [
                "recovered after 2.0 s at most",
                "3 retries wait",
                "loss noticed after 0.1 s at most"
            ]
        );
    }
}
