//! Explores every order in which deliveries arrive, finish, return and are acknowledged, against a model of the broker.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::{Ack, AckWindow};
use crate::state_explorer::{Model, exhaust};

const NO_SPACING: Duration = Duration::ZERO;
const SPACING: Duration = Duration::from_millis(5);

/// The real state of a delivery, independent of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum DeliveryState {
    Running,
    Done,
    /// The session marked the delivery twice as finished, which must count once.
    DoneTwice,
    Returned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Frame {
    Ack { tag: u64, multiple: bool },
    Requeue(u64),
}

/// A session with its window and deliveries, and the broker.
#[derive(Clone)]
struct SessionModel {
    window: AckWindow,
    now: Instant,
    deliveries: u64,
    states: BTreeMap<u64, DeliveryState>,
    /// Whether something happened since the session last acknowledged.
    changed: bool,
    /// Whether the session ends after its last delivery.
    can_end: bool,
    ended: bool,
    /// The frames that the broker has not read.
    frames: Vec<Frame>,
    /// The deliveries that the broker waits for.
    unsettled: BTreeSet<u64>,
}

#[derive(Debug, Clone)]
enum Step {
    Deliver,
    Finish(u64),
    FinishAgain(u64),
    Return(u64),
    /// The session sends the acknowledgements that are due, as it does after each event.
    Acknowledge,
    /// Time passes until the deadline of the window.
    Tick,
    /// Some time passes, but less than a finished delivery may wait.
    Moment,
    /// The session ends, once nothing runs.
    End,
    /// The broker reads the next frame.
    Read,
}

impl SessionModel {
    fn new(prefetch: u16, spacing: Duration, deliveries: u64) -> Self {
        Self {
            window: AckWindow::new(prefetch, spacing),
            now: Instant::now(),
            deliveries,
            states: BTreeMap::new(),
            changed: false,
            can_end: true,
            ended: false,
            frames: Vec::new(),
            unsettled: BTreeSet::new(),
        }
    }

    fn in_state(&self, wanted: DeliveryState) -> impl Iterator<Item = u64> {
        self.states
            .iter()
            .filter(move |(_, state)| **state == wanted)
            .map(|(tag, _)| *tag)
    }

    fn write(&mut self, acks: Vec<Ack>) {
        let frame = |Ack { tag, multiple }| Frame::Ack { tag, multiple };
        self.frames.extend(acks.into_iter().map(frame));
    }

    /// The broker reads a frame. A frame about a delivery that the broker does not wait for would close the channel.
    fn read(&mut self, frame: Frame) -> Result<(), String> {
        let settled: Vec<u64> = match frame {
            Frame::Ack { tag, multiple: true } => self.unsettled.range(..=tag).copied().collect(),
            Frame::Ack { tag, .. } | Frame::Requeue(tag) => {
                self.unsettled.get(&tag).copied().into_iter().collect()
            }
        };
        if settled.is_empty() {
            return Err(format!("{frame:?} settles no unsettled delivery"));
        }
        for tag in settled {
            self.unsettled.remove(&tag);
            let is_done = matches!(self.states[&tag], DeliveryState::Done | DeliveryState::DoneTwice);
            if matches!(frame, Frame::Ack { .. }) && !is_done {
                return Err(format!("{frame:?} acknowledges {tag}, which is not done"));
            }
        }
        Ok(())
    }
}

impl Model for SessionModel {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.ended {
            if (self.states.len() as u64) < self.deliveries {
                steps.push(Step::Deliver);
            }
            for tag in self.in_state(DeliveryState::Running) {
                steps.extend([Step::Finish(tag), Step::Return(tag)]);
            }
            steps.extend(self.in_state(DeliveryState::Done).map(Step::FinishAgain));
            if self.changed {
                steps.push(Step::Acknowledge);
            }
            if let Some(deadline) = self.window.deadline() {
                steps.push(Step::Tick);
                if self.now + Duration::from_millis(11) < deadline {
                    steps.push(Step::Moment);
                }
            }
            if self.can_end
                && self.states.len() as u64 == self.deliveries
                && self.in_state(DeliveryState::Running).next().is_none()
            {
                steps.push(Step::End);
            }
        }
        if !self.frames.is_empty() {
            steps.push(Step::Read);
        }
        steps
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        self.changed = true;
        match *step {
            Step::Deliver => {
                let tag = self.states.len() as u64 + 1;
                self.window.delivered(tag, self.now);
                self.states.insert(tag, DeliveryState::Running);
                self.unsettled.insert(tag);
            }
            Step::Finish(tag) => {
                self.states.insert(tag, DeliveryState::Done);
                self.window.finished(tag, self.now);
            }
            Step::FinishAgain(tag) => {
                self.states.insert(tag, DeliveryState::DoneTwice);
                self.window.finished(tag, self.now);
            }
            Step::Return(tag) => {
                self.states.insert(tag, DeliveryState::Returned);
                self.window.returned(tag);
                self.frames.push(Frame::Requeue(tag));
            }
            Step::Acknowledge => {
                self.changed = false;
                let mut acks = Vec::new();
                self.window.due(self.now, &mut acks);
                self.write(acks);
                if self
                    .window
                    .deadline()
                    .is_some_and(|deadline| deadline <= self.now)
                {
                    return Err("an overdue delivery is not acknowledged".to_owned());
                }
            }
            Step::Tick => self.now = self.window.deadline().unwrap_or(self.now).max(self.now),
            Step::Moment => self.now += Duration::from_millis(11),
            Step::End => {
                self.ended = true;
                let acks = self.window.all();
                self.write(acks);
            }
            Step::Read => {
                let frame = self.frames.remove(0);
                self.read(frame)?;
            }
        }
        Ok(())
    }

    /// Every finished delivery is acknowledged and every returned one is back, whether or not the session has ended.
    fn check_final(&self) -> Result<(), String> {
        match self.unsettled.first() {
            None => Ok(()),
            Some(tag) => Err(format!("{tag} is finished and never settled")),
        }
    }

    fn key(&self) -> impl Hash {
        let window = &self.window;
        let states: Vec<_> = window.entries.iter().map(|(state, _)| *state).collect();
        let since = window.waiting_since.map(|since| self.now - since);
        let last_run = window.last_run.map(|last| (self.now - last).min(window.spacing));
        let inside = (window.base, states, window.finished, since, last_run);
        let around = (&self.states, &self.frames, &self.unsettled);
        (inside, around, self.changed, self.ended)
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[test]
fn each_delivery_is_settled_once_and_never_before_it_is_done() {
    // Batches of one and of two, without and with a spacing between runs.
    exhaust(2_000, || SessionModel::new(4, NO_SPACING, 3));
    exhaust(45_000, || SessionModel::new(8, NO_SPACING, 4));
    exhaust(50_000, || SessionModel::new(8, SPACING, 4));
}

#[test]
fn a_running_session_settles_every_delivery() {
    for spacing in [NO_SPACING, SPACING] {
        for prefetch in [8, 256] {
            exhaust(2_000, || SessionModel {
                can_end: false,
                ..SessionModel::new(prefetch, spacing, 3)
            });
        }
    }
}
