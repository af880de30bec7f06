//! The stopwatch of a run, and the report that a worker prints.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::alloc;
use crate::machine;

/// The figures of a run. Each worker and each foreign client prints them as one line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// CPU seconds of the process, user and system.
    pub(crate) cpu: f64,
    /// Microseconds; `None` if the job measures no latencies.
    #[serde(default)]
    pub(crate) p50: Option<f64>,
    #[serde(default)]
    pub(crate) p99: Option<f64>,
    #[serde(default)]
    pub(crate) p999: Option<f64>,
    #[serde(default)]
    pub(crate) allocations: Option<u64>,
    pub(crate) peak_kib: u64,
    /// Figures that only this job has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) also: BTreeMap<String, f64>,
}

#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    cpu: f64,
    allocations: Option<u64>,
    also: BTreeMap<String, f64>,
    /// The figures at the time of `pause`.
    paused: Option<Elapsed>,
}

#[derive(Debug, Clone, Copy)]
struct Elapsed {
    seconds: f64,
    cpu: f64,
    allocations: Option<u64>,
}

/// The line that a worker prints when it is ready.
pub(crate) const READY: &str = "ready";

impl Stopwatch {
    /// Prints that the worker is ready, and waits for a line that starts the job.
    pub(crate) fn start() -> Self {
        println!("{READY}");
        let mut line = String::new();
        // A closed input starts the job, too, so that a worker can be run by hand.
        let _ = std::io::stdin().lock().read_line(&mut line);
        Self {
            cpu: machine::cpu_of_self(),
            allocations: alloc::count(),
            also: BTreeMap::new(),
            paused: None,
            started: Instant::now(),
        }
    }

    fn elapsed(&self) -> Elapsed {
        self.paused.unwrap_or_else(|| Elapsed {
            seconds: self.started.elapsed().as_secs_f64(),
            allocations: alloc::since(self.allocations),
            cpu: machine::cpu_of_self() - self.cpu,
        })
    }

    /// Ends the measurement before the run ends.
    pub(crate) fn pause(mut self) -> Self {
        self.paused = Some(self.elapsed());
        self
    }

    /// Adds a figure that only this job has.
    pub(crate) fn also(mut self, name: &str, figure: f64) -> Self {
        self.also.insert(name.to_owned(), figure);
        self
    }

    /// Ends the run, and prints its report.
    pub(crate) fn stop(self, events: u64, mut micros: Vec<u32>) {
        let elapsed = self.elapsed();
        micros.sort_unstable();
        let report = Report {
            events,
            seconds: elapsed.seconds,
            cpu: elapsed.cpu,
            p50: percentile(&micros, 0.5),
            p99: percentile(&micros, 0.99),
            p999: percentile(&micros, 0.999),
            allocations: elapsed.allocations,
            peak_kib: machine::peak_kib(std::process::id()),
            also: self.also,
        };
        // A report of numbers always serializes.
        println!("{}", serde_json::to_string(&report).unwrap_or_default());
    }
}

fn percentile(sorted: &[u32], quantile: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let index = (last as f64 * quantile).round() as usize;
    sorted.get(index).map(|&micros| f64::from(micros))
}

pub(crate) fn micros_since(from: Instant) -> u32 {
    u32::try_from(from.elapsed().as_micros()).unwrap_or(u32::MAX)
}
