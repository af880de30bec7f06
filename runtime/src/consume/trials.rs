//! Trials: which suspects may be in flight at the same time.
//!
//! A suspect has returned several times, so it may end its process each time it runs. Healthy deliveries that were in
//! flight with it have returned as often. Each trial that ends the process makes the next group smaller, until the
//! suspect is the only one in flight. So a few trials find the cause among hundreds of suspects, and no healthy
//! delivery is in flight with the cause at the last trials. Other deliveries are handled at the same time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The suspects in flight in this process, over all queues of the app.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trials(Arc<Mutex<SuspectsInFlight>>);

#[derive(Debug, Default)]
struct SuspectsInFlight {
    /// The number of returns of each suspect.
    suspects: BTreeMap<u64, u32>,
    next: u64,
}

/// A suspect in flight. It leaves when it is dropped.
#[derive(Debug)]
pub(crate) struct Trial {
    trials: Trials,
    number: u64,
}

/// The largest group of suspects in flight for a suspect that has returned this often.
fn group_size(returns: u32) -> usize {
    match returns {
        0..=2 => usize::MAX,
        3 => 16,
        4 => 4,
        _ => 1,
    }
}

impl Trials {
    /// Starts a trial, unless the group of this suspect or of one in flight would be too large.
    pub(crate) fn start(&self, returns: u32) -> Option<Trial> {
        let mut in_flight = self.in_flight();
        let suspects = &in_flight.suspects;
        let all = suspects.values().copied().chain([returns]);
        if all.map(group_size).min()? <= suspects.len() {
            return None;
        }
        let number = in_flight.next;
        in_flight.next += 1;
        in_flight.suspects.insert(number, returns);
        Some(Trial {
            trials: self.clone(),
            number,
        })
    }

    fn in_flight(&self) -> MutexGuard<'_, SuspectsInFlight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.trials.in_flight().suspects.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of returns of each suspect that is not handled, by its index.
    type Suspects = BTreeMap<usize, u32>;

    /// Runs trials until each suspect is handled or has returned seven times. Those in `causes` end the process.
    fn run(suspects: usize, causes: &[usize]) -> (Suspects, u32) {
        let mut waiting: Suspects = (0..suspects).map(|suspect| (suspect, 2)).collect();
        let mut condemned = Suspects::new();
        let mut crashes = 0;
        while !waiting.is_empty() {
            let trials = Trials::default();
            let group: Vec<(usize, Trial)> = waiting
                .iter()
                .filter_map(|(&suspect, &returns)| Some((suspect, trials.start(returns)?)))
                .collect();
            assert!(
                !group.is_empty(),
                "a suspect can always start when none is in flight"
            );
            let ends_process = group.iter().any(|(suspect, _)| causes.contains(suspect));
            crashes += u32::from(ends_process);
            for (suspect, _) in group {
                if !ends_process {
                    waiting.remove(&suspect);
                } else if let Some(returns) = waiting.get_mut(&suspect) {
                    *returns += 1;
                    if *returns == 7 {
                        condemned.extend(waiting.remove_entry(&suspect));
                    }
                }
            }
        }
        (condemned, crashes)
    }

    #[test]
    fn only_the_cause_is_condemned_and_every_other_suspect_is_handled() {
        for cause in 0..256 {
            let (condemned, crashes) = run(256, &[cause]);
            assert_eq!(condemned.into_keys().collect::<Vec<_>>(), [cause]);
            assert!(crashes <= 5, "{crashes} crashes");
        }
    }

    #[test]
    fn several_causes_are_condemned_alone() {
        for distance in 1..100 {
            let causes = [3, 3 + distance, 150 + distance];
            let (condemned, crashes) = run(256, &causes);
            assert_eq!(condemned.into_keys().collect::<Vec<_>>(), causes);
            assert!(crashes <= 15, "{crashes} crashes");
        }
    }

    #[test]
    fn a_suspect_leaves_its_group_when_its_trial_ends() {
        let trials = Trials::default();
        let alone = trials.start(6).unwrap();
        assert!(trials.start(2).is_none());
        drop(alone);
        let first = trials.start(2).unwrap();
        assert!(trials.start(6).is_none());
        assert!(trials.start(2).is_some());
        drop(first);
        assert!(trials.start(6).is_some());
    }
}
