//! Every order in which deliveries come, finish, return and are acknowledged, held against a broker that keeps count.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::{Ack, AckWindow};
use crate::state_explorer::{Model, exhaust};

const AT_ONCE: Duration = Duration::ZERO;
const SPACED: Duration = Duration::from_millis(5);

/// What is true of a delivery, whatever the window thinks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Truth {
    Running,
    Done,
    /// Done, and it is not the first to be told: what is said twice must count once.
    DoneTwice,
    Returned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Frame {
    Ack { tag: u64, multiple: bool },
    Requeue(u64),
}

/// A shift's window, its deliveries, and the broker at the other end.
#[derive(Clone)]
struct Settling {
    window: AckWindow,
    now: Instant,
    deliveries: u64,
    truth: BTreeMap<u64, Truth>,
    /// Whether something happened since the window was last asked what is due.
    stirred: bool,
    left: bool,
    /// Written, and not seen by the broker.
    frames: Vec<Frame>,
    /// What the broker waits for.
    unsettled: BTreeSet<u64>,
}

#[derive(Debug, Clone)]
enum Step {
    Deliver,
    Finish(u64),
    FinishAgain(u64),
    Return(u64),
    /// The window is asked what is due, as a shift does after all that happens.
    Acknowledge,
    /// Nothing happens until the window's deadline.
    Tick,
    /// Time passes, less than what is finished may wait.
    Moment,
    /// The shift ends, once nothing runs.
    Leave,
    /// The broker reads the next frame.
    Read,
}

impl Settling {
    fn new(prefetch: u16, spacing: Duration, deliveries: u64) -> Self {
        Self {
            window: AckWindow::new(prefetch, spacing),
            now: Instant::now(),
            deliveries,
            truth: BTreeMap::new(),
            stirred: false,
            left: false,
            frames: Vec::new(),
            unsettled: BTreeSet::new(),
        }
    }

    fn having(&self, truth: Truth) -> impl Iterator<Item = u64> {
        self.truth
            .iter()
            .filter(move |(_, is)| **is == truth)
            .map(|(tag, _)| *tag)
    }

    fn write(&mut self, acks: Vec<Ack>) {
        let frame = |Ack { tag, multiple }| Frame::Ack { tag, multiple };
        self.frames.extend(acks.into_iter().map(frame));
    }

    /// The broker reads a frame: one about a delivery that it does not wait for ends the channel.
    fn read(&mut self, frame: Frame) -> Result<(), String> {
        let settled: Vec<u64> = match frame {
            Frame::Ack { tag, multiple: true } => self.unsettled.range(..=tag).copied().collect(),
            Frame::Ack { tag, .. } | Frame::Requeue(tag) => {
                self.unsettled.get(&tag).copied().into_iter().collect()
            }
        };
        if settled.is_empty() {
            return Err(format!("{frame:?} settles what is settled"));
        }
        for tag in settled {
            self.unsettled.remove(&tag);
            let is_done = matches!(self.truth[&tag], Truth::Done | Truth::DoneTwice);
            if matches!(frame, Frame::Ack { .. }) && !is_done {
                return Err(format!("{frame:?} acknowledges {tag}, which is not done"));
            }
        }
        Ok(())
    }
}

impl Model for Settling {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.left {
            if (self.truth.len() as u64) < self.deliveries {
                steps.push(Step::Deliver);
            }
            for tag in self.having(Truth::Running) {
                steps.extend([Step::Finish(tag), Step::Return(tag)]);
            }
            steps.extend(self.having(Truth::Done).map(Step::FinishAgain));
            if self.stirred {
                steps.push(Step::Acknowledge);
            }
            if let Some(deadline) = self.window.deadline() {
                steps.push(Step::Tick);
                if self.now + Duration::from_millis(11) < deadline {
                    steps.push(Step::Moment);
                }
            }
            if self.truth.len() as u64 == self.deliveries && self.having(Truth::Running).next().is_none() {
                steps.push(Step::Leave);
            }
        }
        if !self.frames.is_empty() {
            steps.push(Step::Read);
        }
        steps
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        self.stirred = true;
        match *step {
            Step::Deliver => {
                let tag = self.truth.len() as u64 + 1;
                self.window.delivered(tag, self.now);
                self.truth.insert(tag, Truth::Running);
                self.unsettled.insert(tag);
            }
            Step::Finish(tag) => {
                self.truth.insert(tag, Truth::Done);
                self.window.finished(tag, self.now);
            }
            Step::FinishAgain(tag) => {
                self.truth.insert(tag, Truth::DoneTwice);
                self.window.finished(tag, self.now);
            }
            Step::Return(tag) => {
                self.truth.insert(tag, Truth::Returned);
                self.window.returned(tag);
                self.frames.push(Frame::Requeue(tag));
            }
            Step::Acknowledge => {
                self.stirred = false;
                let mut acks = Vec::new();
                self.window.due(self.now, &mut acks);
                self.write(acks);
                if self
                    .window
                    .deadline()
                    .is_some_and(|deadline| deadline <= self.now)
                {
                    return Err("what is overdue is not acknowledged".to_owned());
                }
            }
            Step::Tick => self.now = self.window.deadline().unwrap_or(self.now).max(self.now),
            Step::Moment => self.now += Duration::from_millis(11),
            Step::Leave => {
                self.left = true;
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

    /// All that is finished is acknowledged, and all that was returned is back: whether the shift has ended or goes on.
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
        let within = (window.base, states, window.finished, since, last_run);
        let around = (&self.truth, &self.frames, &self.unsettled);
        (within, around, self.stirred, self.left)
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// The same, for one that goes on: it never leaves, and yet nothing stays unsettled.
struct InProgress(Settling);

impl Model for InProgress {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = self.0.steps();
        steps.retain(|step| !matches!(step, Step::Leave));
        steps
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        self.0.take(step)
    }

    fn check_final(&self) -> Result<(), String> {
        self.0.check_final()
    }

    fn key(&self) -> impl Hash {
        self.0.key()
    }

    fn copy(&self) -> Option<Self> {
        self.0.copy().map(Self)
    }
}

#[test]
fn each_delivery_is_settled_once_and_none_before_it_is_done_in_every_order() {
    // Batches of one and of two, on a broker that hears of each run at once and on one that does not.
    exhaust(2_000, || Settling::new(4, AT_ONCE, 3));
    exhaust(45_000, || Settling::new(8, AT_ONCE, 4));
    exhaust(50_000, || Settling::new(8, SPACED, 4));
}

#[test]
fn a_window_that_goes_on_leaves_nothing_unsettled_in_any_order() {
    for spacing in [AT_ONCE, SPACED] {
        exhaust(2_000, || InProgress(Settling::new(8, spacing, 3)));
        exhaust(2_000, || InProgress(Settling::new(256, spacing, 3)));
    }
}
