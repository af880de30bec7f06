//! The retry delays. Every delay is one of a few rungs, so that a handler needs few delay queues.

use std::time::Duration;

/// The rungs, shortest first.
pub(crate) const RUNGS: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
];

/// All rungs, each divided by `factor`.
pub(crate) fn ladder(factor: u32) -> Vec<Duration> {
    RUNGS.iter().map(|&rung| scaled(rung, factor)).collect()
}

/// A rung divided by `factor`, but at least one millisecond: a broker measures no shorter delay.
pub(crate) fn scaled(rung: Duration, factor: u32) -> Duration {
    (rung / factor.max(1)).max(Duration::from_millis(1))
}

/// The handler's rung after the attempt `number`; the last one repeats.
pub(crate) fn rung_after(rungs: &[Duration], number: u32) -> Duration {
    let at = usize::try_from(number.saturating_sub(1))
        .unwrap_or(usize::MAX)
        .min(rungs.len().saturating_sub(1));
    rungs.get(at).copied().unwrap_or(RUNGS[0])
}

/// The shortest rung of at least `wanted`, or the longest rung of all.
pub(crate) fn rung_at_least(ladder: &[Duration], wanted: Duration) -> Duration {
    ladder
        .iter()
        .copied()
        .find(|&rung| rung >= wanted)
        .or(ladder.last().copied())
        .unwrap_or(RUNGS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rung_repeats() {
        let rungs = [Duration::from_secs(1), Duration::from_secs(5)];
        let delays: Vec<u64> = (1..=4)
            .map(|number| rung_after(&rungs, number).as_secs())
            .collect();
        assert_eq!(delays, [1, 5, 5, 5]);
    }

    #[test]
    fn a_requested_delay_is_rounded_up_to_a_rung() {
        let ladder = ladder(1);
        for (wanted, rung) in [
            (0, 1),
            (1, 1),
            (2, 5),
            (61, 300),
            (3_600, 3_600),
            (100_000, 3_600),
        ] {
            assert_eq!(
                rung_at_least(&ladder, Duration::from_secs(wanted)),
                Duration::from_secs(rung)
            );
        }
    }

    #[test]
    fn the_default_attempts_take_about_half_an_hour() {
        let total: Duration = (1..8).map(|number| rung_after(&RUNGS[..6], number)).sum();
        assert!((25 * 60..40 * 60).contains(&total.as_secs()), "{total:?}");
    }
}
