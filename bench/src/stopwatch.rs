//! From the word to the report: what a run says of itself.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::alloc;
use crate::machine::{self, Cpu};

/// What a run says of itself. A twin in another language prints the same line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// CPU seconds of the process, user and system.
    pub(crate) cpu: f64,
    /// Microseconds; none where a run has no latencies.
    #[serde(default)]
    pub(crate) p50: Option<f64>,
    #[serde(default)]
    pub(crate) p99: Option<f64>,
    #[serde(default)]
    pub(crate) p999: Option<f64>,
    #[serde(default)]
    pub(crate) allocations: Option<u64>,
    pub(crate) peak_kib: u64,
    /// What only this job has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) also: BTreeMap<String, f64>,
}

/// From the word to the end of the job.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    cpu: Cpu,
    allocations: Option<u64>,
    also: BTreeMap<String, f64>,
    /// What it took, when that was to be known before the end.
    taken: Option<Taken>,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    seconds: f64,
    cpu: f64,
    allocations: Option<u64>,
}

/// What a worker prints when it is ready.
pub(crate) const READY: &str = "ready";

impl Stopwatch {
    /// Says that everything is set up, and waits for the word.
    pub(crate) fn start() -> Self {
        println!("{READY}");
        let mut word = String::new();
        // A closed input is a word, too: someone runs the worker by hand.
        let _ = std::io::stdin().lock().read_line(&mut word);
        Self {
            cpu: machine::cpu_of_self(),
            allocations: alloc::count(),
            also: BTreeMap::new(),
            taken: None,
            started: Instant::now(),
        }
    }

    fn taken(&self) -> Taken {
        self.taken.unwrap_or_else(|| Taken {
            seconds: self.started.elapsed().as_secs_f64(),
            allocations: alloc::since(self.allocations),
            cpu: machine::cpu_of_self().0 - self.cpu.0,
        })
    }

    /// What follows does not count.
    pub(crate) fn pause(mut self) -> Self {
        self.taken = Some(self.taken());
        self
    }

    /// Adds a figure that only this job has.
    pub(crate) fn also(mut self, name: &str, figure: f64) -> Self {
        self.also.insert(name.to_owned(), figure);
        self
    }

    /// Ends the run, and says what it took.
    pub(crate) fn stop(self, events: u64, mut micros: Vec<u32>) {
        let taken = self.taken();
        micros.sort_unstable();
        let report = Report {
            events,
            seconds: taken.seconds,
            cpu: taken.cpu,
            p50: percentile(&micros, 0.5),
            p99: percentile(&micros, 0.99),
            p999: percentile(&micros, 0.999),
            allocations: taken.allocations,
            peak_kib: machine::peak_kib(std::process::id()),
            also: self.also,
        };
        // Numbers alone: they can be written.
        println!("{}", serde_json::to_string(&report).unwrap_or_default());
    }
}

fn percentile(sorted: &[u32], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let at = (last as f64 * part).round() as usize;
    sorted.get(at).map(|&micros| f64::from(micros))
}

/// Microseconds since `from`, for a list of latencies.
pub(crate) fn micros_since(from: Instant) -> u32 {
    u32::try_from(from.elapsed().as_micros()).unwrap_or(u32::MAX)
}
