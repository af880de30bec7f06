//! One measured run in a process of its own: it gets ready, waits for the word, does its job, and says what it took.

use std::io::BufRead as _;
use std::process::ExitCode;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::alloc;
use crate::machine::{self, Cpu};
use crate::twins::{Job, Twin};

/// What a run is told.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) url: String,
    pub(crate) events: u64,
}

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
}

/// From the word to the end of the job.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    cpu: Cpu,
    allocations: u64,
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
            cpu: machine::cpu_of(std::process::id()),
            allocations: alloc::count(),
            started: Instant::now(),
        }
    }

    /// Ends the run, and says what it took.
    pub(crate) fn stop(self, events: u64, mut micros: Vec<u32>) {
        let seconds = self.started.elapsed().as_secs_f64();
        let allocations = alloc::count() - self.allocations;
        let cpu = machine::cpu_of(std::process::id()).0 - self.cpu.0;
        micros.sort_unstable();
        let report = Report {
            events,
            seconds,
            cpu,
            p50: percentile(&micros, 0.5),
            p99: percentile(&micros, 0.99),
            p999: percentile(&micros, 0.999),
            allocations: Some(allocations),
            peak_kib: machine::peak_kib(std::process::id()),
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

/// `worker <twin> <job> <url> <events>`
pub(crate) fn main(args: &[&str]) -> ExitCode {
    let parsed = match args {
        [twin, job, url, events] => Twin::parse(twin)
            .zip(Job::parse(job))
            .zip(events.parse().ok())
            .map(|(what, events)| {
                let url = (*url).to_owned();
                (what, Run { url, events })
            }),
        _ => None,
    };
    let Some(((twin, job), run)) = parsed else {
        eprintln!("bench: a worker takes <twin> <job> <url> <events>, and got {args:?}");
        return ExitCode::from(2);
    };
    let mut runtime = if job.is_on_one_core() {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    match runtime.enable_all().build() {
        Ok(runtime) => {
            runtime.block_on(twin.run(job, &run));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: cannot start a runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
