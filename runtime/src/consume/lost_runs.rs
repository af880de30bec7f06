//! Runs whose subscription is lost.
//!
//! The broker redelivers the delivery of such a run, often to the same process. The redelivery then waits for the end of
//! the run: two runs of one delivery never run side by side in a process, and a run that completed is not repeated.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::outcome::Outcome;
use super::redelivery_tracker::key;
use super::settle::Settled;
use super::status::DesiredState;
use crate::message::Message;

/// The runs by the identity of their message.
#[derive(Default)]
pub(crate) struct LostRuns(HashMap<u64, Vec<LostRun>>);

/// The run of a delivery that the broker redelivers. Its task ends with this value.
pub(crate) struct LostRun {
    /// The index of its handler.
    pub(crate) handler: usize,
    state: RunState,
    lost_at: Instant,
}

enum RunState {
    Running(JoinHandle<RunEnd>),
    Ended(RunEnd),
    Taken,
}

/// How a run ended whose session takes no more reports.
pub(crate) enum RunEnd {
    /// The redelivery can be acknowledged.
    Settled { dead_lettered: bool },
    /// The handler decided this outcome, and nothing is published yet.
    Decided { outcome: Box<Outcome>, counts: bool },
    /// The redelivery is handled like any other delivery.
    Unknown,
}

impl From<Settled> for RunEnd {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Done { dead_lettered } => Self::Settled { dead_lettered },
            Settled::Lost { outcome, counts } => Self::Decided { outcome, counts },
            Settled::RetryInPlace { .. } | Settled::Abandoned => Self::Unknown,
        }
    }
}

impl LostRuns {
    pub(crate) fn add(&mut self, message: &Message, handler: usize, task: JoinHandle<RunEnd>) {
        self.insert(message, handler, RunState::Running(task));
    }

    pub(crate) fn add_ended(&mut self, message: &Message, handler: usize, end: RunEnd) {
        self.insert(message, handler, RunState::Ended(end));
    }

    fn insert(&mut self, message: &Message, handler: usize, state: RunState) {
        let lost_at = Instant::now();
        let run = LostRun {
            handler,
            state,
            lost_at,
        };
        self.0.entry(key(message)).or_default().push(run);
    }

    /// Takes the run of a redelivered message. Equal messages are exchangeable, because each has one run.
    pub(crate) fn take(&mut self, message: &Message) -> Option<LostRun> {
        if self.0.is_empty() {
            return None;
        }
        let key = key(message);
        let run = self.0.get_mut(&key)?.pop();
        self.0.retain(|_, runs| !runs.is_empty());
        run
    }

    /// Ends the runs that were lost before `limit`. Another instance has received their deliveries.
    pub(crate) fn end_older_than(&mut self, limit: Duration) {
        self.0.retain(|_, runs| {
            runs.retain(|run| run.lost_at.elapsed() < limit);
            !runs.is_empty()
        });
    }

    /// Waits for the end of all runs, or until the app aborts.
    pub(crate) async fn finish(&mut self, desired: &mut watch::Receiver<DesiredState>) {
        let runs = std::mem::take(&mut self.0).into_values().flatten();
        let all_ended = async {
            for run in runs {
                run.ended().await;
            }
        };
        tokio::select! {
            () = all_ended => {}
            // An error means that the app was dropped.
            _ = desired.wait_for(|desired| *desired == DesiredState::Abort) => {}
        }
    }
}

impl LostRun {
    pub(crate) async fn ended(mut self) -> RunEnd {
        let end = match &mut self.state {
            // An error means that the task panicked or was aborted.
            RunState::Running(task) => task.await.unwrap_or(RunEnd::Unknown),
            RunState::Ended(_) | RunState::Taken => RunEnd::Unknown,
        };
        match std::mem::replace(&mut self.state, RunState::Taken) {
            RunState::Ended(end) => end,
            RunState::Running(_) | RunState::Taken => end,
        }
    }
}

impl Drop for LostRun {
    fn drop(&mut self) {
        if let RunState::Running(task) = &self.state {
            task.abort();
        }
    }
}
