//! The clients: Tidings, and the reference clients that it is compared with. For each event, every client makes a new
//! id, takes the time, writes the event as JSON, and sets the same properties.

mod chain;
mod countdown;
mod generated;
mod handlers;
mod in_memory;
mod job;
mod lapin_best;
mod lapin_naive;
mod lapin_owner;
mod lapin_tasks;
mod lapin_wire;
mod memory_growth;
mod publish_tasks;
mod reconnect;
mod start;
mod tidings;
mod tidings_bus;

pub(crate) use self::job::{Job, Run};
pub(crate) use self::lapin_best::fill;
pub(crate) use self::lapin_wire::{EXCHANGE, confirm_channel};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Tidings,
    /// lapin as its README shows it.
    LapinNaive,
    /// lapin as fast as it can be used by hand.
    LapinBest,
    /// 1,024 publishes in flight, 64 workers.
    RustStream,
    /// As its guides show it.
    RustStreamPlain,
    /// 256 publishes in flight, a prefetch of 256, on uvloop.
    FastStream,
    /// As its documentation shows it.
    FastStreamPlain,
    /// 256 publishes in flight, a prefetch of 256.
    Golevelup,
}

impl Client {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tidings => "tidings",
            Self::LapinNaive => "lapin-naive",
            Self::LapinBest => "lapin-best",
            Self::RustStream => "ruststream",
            Self::RustStreamPlain => "ruststream-as-documented",
            Self::FastStream => "faststream",
            Self::FastStreamPlain => "faststream-as-documented",
            Self::Golevelup => "golevelup",
        }
    }

    /// Finds a client that is part of this program.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let built_in = [Self::Tidings, Self::LapinNaive, Self::LapinBest];
        built_in.into_iter().find(|client| client.name() == name)
    }

    /// Does the job, and prints the report.
    pub(crate) async fn run(self, job: Job, run: &Run) {
        match self {
            Self::LapinNaive => lapin_naive::run(job, run).await,
            Self::LapinBest => lapin_best::run(job, run).await,
            _ => tidings::run(job, run).await,
        }
    }
}

/// Calculates for about 100 µs.
fn calculate() {
    let mut number = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..40_000 {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
    }
    std::hint::black_box(number);
}
