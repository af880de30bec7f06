//! Who does a job: Tidings, and what one would use instead. Each does the same work: a new id, the time, the event as
//! JSON, the same properties.

mod lapin_best;
mod lapin_naive;
mod lapin_wire;
mod memory;
mod tidings;

pub(crate) use self::lapin_wire::{EXCHANGE, QUEUE, confirm_channel};
use crate::worker::Run;

/// Publishes what a run is to find.
pub(crate) async fn fill(channel: &lapin::Channel, events: u64, note: usize) {
    lapin_best::publish(channel, events, note).await;
}

/// Who does a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twin {
    Tidings,
    /// lapin as its README shows it.
    LapinNaive,
    /// lapin as well as it can be used by hand.
    LapinBest,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// One task publishes and waits for each confirm.
    PublishOne,
    /// 256 tasks do.
    PublishMany,
    /// One task publishes a thousand at a time.
    PublishAll,
    /// Events of 64 kB from 256 tasks.
    PublishBig,
    /// A handler that does nothing takes what waits in a queue.
    Consume,
    /// A handler that waits for 5 ms does.
    ConsumeSlow,
    /// 1,000 events a second, from the publish to the handler.
    EndToEnd,
    /// As many as there can be, from the publish to the handler, in memory and on one core.
    Memory,
}

impl Twin {
    const ALL: [Self; 3] = [Self::Tidings, Self::LapinBest, Self::LapinNaive];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tidings => "tidings",
            Self::LapinNaive => "lapin-naive",
            Self::LapinBest => "lapin-best",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|twin| twin.name() == name)
    }

    /// Does the job, and prints the report.
    pub(crate) async fn run(self, job: Job, run: &Run) {
        match self {
            Self::Tidings => tidings::run(job, run).await,
            Self::LapinNaive => lapin_naive::run(job, run).await,
            Self::LapinBest => lapin_best::run(job, run).await,
        }
    }
}

impl Job {
    const ALL: [Self; 8] = [
        Self::PublishOne,
        Self::PublishMany,
        Self::PublishAll,
        Self::PublishBig,
        Self::Consume,
        Self::ConsumeSlow,
        Self::EndToEnd,
        Self::Memory,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PublishOne => "publish-one",
            Self::PublishMany => "publish-256",
            Self::PublishAll => "publish-all",
            Self::PublishBig => "publish-64kb",
            Self::Consume => "consume",
            Self::ConsumeSlow => "consume-5ms",
            Self::EndToEnd => "end-to-end",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    pub(crate) fn is_on_one_core(self) -> bool {
        self == Self::Memory
    }

    /// The note's length: what makes the body small or big.
    pub(crate) fn note(self) -> usize {
        if self == Self::PublishBig {
            64 * 1024
        } else {
            crate::event::SMALL
        }
    }
}
