//! Explores every order of attempts, outages and restarts of a handler, against a model of its queue.

use std::collections::VecDeque;
use std::hash::Hash;

use super::{Breaker, FailedAttempt};
use crate::event::metadata::EventIdentity;
use crate::message::timestamp::Timestamp;
use crate::state_explorer::{Model, exhaust};
use crate::wire::origin::AttemptNumber;

const MAX_ATTEMPTS: u32 = 4;
const CONCURRENCY: usize = 2;
/// The events of an ordered handler that wait in place. The others follow once these have left.
const WINDOW: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Healthy,
    /// Succeeds from its third attempt on.
    Late,
    /// Always fails.
    Poison,
}

#[derive(Debug, Clone, Hash)]
struct Waiting {
    id: usize,
    kind: Kind,
    attempt: (u32, u32),
    /// The number of successes at its first attempt, as the time of a clock.
    first_received_at: Option<usize>,
    failed_while_closed: u32,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// An attempt of one of the first events.
    Attempt(usize),
    /// A round of probes.
    Probe,
    Down,
    Up,
    Restart,
}

#[derive(Clone)]
struct HandlerModel {
    breaker: Breaker,
    queue: VecDeque<Waiting>,
    in_place: bool,
    is_up: bool,
    successes: usize,
    outages: u32,
    restarts: u32,
}

impl HandlerModel {
    fn new(in_place: bool, kinds: &[Kind]) -> Self {
        let queue = kinds.iter().enumerate().map(|(id, &kind)| Waiting {
            id,
            kind,
            attempt: (1, 0),
            first_received_at: None,
            failed_while_closed: 0,
        });
        Self {
            breaker: Breaker::new(Some(3)),
            queue: queue.collect(),
            in_place,
            is_up: true,
            successes: 0,
            outages: 0,
            restarts: 0,
        }
    }

    fn ready(&self) -> usize {
        let ready = if self.in_place { WINDOW } else { CONCURRENCY };
        ready.min(self.queue.len())
    }

    fn attempt(&mut self, at: usize, is_probe: bool) -> Result<(), String> {
        let mut event = self.queue.remove(at).unwrap();
        let first = *event.first_received_at.get_or_insert(self.successes);
        let time = |successes: usize| Timestamp::from_millis(i64::try_from(successes).unwrap());
        let (number, uncounted) = event.attempt;
        let succeeds = match event.kind {
            Kind::Healthy => true,
            Kind::Late => number >= 3,
            Kind::Poison => false,
        };
        if self.is_up && succeeds {
            self.breaker.succeeded(time(self.successes));
            self.successes += 1;
            return Ok(());
        }
        event.failed_while_closed += u32::from(!self.breaker.is_open());
        self.breaker.failed(FailedAttempt {
            event: EventIdentity {
                source: "orders",
                event_type: "order.created",
                id: &event.id.to_string(),
            },
            is_first_attempt: number == 1,
            first_received_at: time(first),
        });
        let round = self.breaker.next_round();
        let counts = round.is_none_or(|round| is_probe && self.in_place && round.counts_in_place);
        let number = AttemptNumber { number, uncounted };
        if counts && number.counted() >= MAX_ATTEMPTS {
            // The attempt that opens the breaker fails while it is still closed.
            let lowest = if self.in_place { 0 } else { MAX_ATTEMPTS };
            return if event.failed_while_closed < lowest {
                Err(format!("an outage dead-lettered {event:?}"))
            } else {
                Ok(())
            };
        }
        let next = number.next(counts);
        event.attempt = (next.number, next.uncounted);
        let last_in_window = (WINDOW - 1).min(self.queue.len());
        let back = if self.in_place {
            last_in_window
        } else {
            self.queue.len()
        };
        self.queue.insert(back, event);
        Ok(())
    }

    fn probe(&mut self) -> Result<(), String> {
        let size = self
            .breaker
            .next_round()
            .map_or(0, |round| usize::from(round.size));
        for _ in 0..size.min(self.ready()) {
            self.attempt(0, true)?;
        }
        self.breaker.round_failed();
        Ok(())
    }

    /// A handler that works again closes its breaker, if an event remains with which it can succeed.
    fn check_recovery(&self) -> Result<(), String> {
        let mut well = self.clone();
        well.is_up = true;
        // Each event fails twice at most before it succeeds. In place, probes count from the sixty-fourth round on.
        let events = well.queue.len();
        let rounds = if self.in_place {
            64 + 4 * events
        } else {
            1 + 3 * events
        };
        for _ in 0..rounds {
            if !well.breaker.is_open() || well.queue.iter().all(|event| event.kind == Kind::Poison) {
                return Ok(());
            }
            well.probe()?;
        }
        Err(format!(
            "the breaker is still open after {rounds} rounds of a working handler"
        ))
    }
}

impl Model for HandlerModel {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.breaker.is_open() {
            // Longer outages repeat the same states.
            if self.breaker.failed_rounds < Some(3) && !self.queue.is_empty() {
                steps.push(Step::Probe);
            }
        } else {
            steps.extend((0..self.ready()).map(Step::Attempt));
        }
        if self.is_up && self.outages < 2 {
            steps.push(Step::Down);
        }
        if !self.is_up {
            steps.push(Step::Up);
        }
        if self.restarts < 1 {
            steps.push(Step::Restart);
        }
        steps
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Attempt(at) => self.attempt(at, false)?,
            Step::Probe => self.probe()?,
            Step::Down => (self.is_up, self.outages) = (false, self.outages + 1),
            Step::Up => self.is_up = true,
            Step::Restart => {
                self.restarts += 1;
                self.breaker = Breaker::new(Some(3));
            }
        }
        self.check_recovery()
    }

    fn check_final(&self) -> Result<(), String> {
        self.check_recovery()
    }

    fn key(&self) -> impl Hash {
        let breaker = &self.breaker;
        let breaker = (
            breaker.failures.clone(),
            breaker.last_success,
            breaker.failed_rounds,
        );
        let flags = (self.is_up, self.outages, self.restarts, self.successes);
        (breaker, self.queue.clone(), flags)
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[test]
fn from_every_state_a_handler_that_works_again_closes_its_breaker() {
    use Kind::{Healthy, Late, Poison};
    for in_place in [false, true] {
        for kinds in [
            [Late, Late, Late],
            [Poison, Poison, Healthy],
            [Poison, Late, Late],
            [Poison, Poison, Late],
        ] {
            exhaust(100, || HandlerModel::new(in_place, &kinds));
        }
    }
}
