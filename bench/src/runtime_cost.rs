//! The cost of a delivery in the runtime itself, without a broker: its cost without decoding (`overhead`), and its
//! growth with the number of patterns and handlers (`dispatch`).
//!
//! Everything runs on one thread. Its CPU time is measured, because other processes have little influence on it.

use std::fmt::{self, Write as _};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidings::__bench::{ManyHandlers, NullBroker, Topics};
use tidings::__private::HandlerList;
use tidings::{App, NoState, RunningApp, handlers};
use tidings_paths::event::OrderCreated;
use tidings_paths::path::{self, BATCH, take};
use tidings_paths::wire;
use tokio::runtime::Runtime;

use crate::alloc;
use crate::machine;
use crate::number;
use crate::statistics::{Summary, summary};

/// The number of deliveries in a round of `overhead`.
const DELIVERIES: u64 = 200 * BATCH;
/// The length of a round of `dispatch`, whose deliveries differ in cost.
const ROUND: Duration = Duration::from_millis(100);

/// The limits for the cost that the runtime adds to a delivery.
const MAX_NANOS: f64 = 1_000.0;
const MAX_ALLOCATIONS: f64 = 2.0;
/// The limit for a delivery to the last of many patterns or handlers, as a multiple of the cost with one.
const MAX_GROWTH: f64 = 1.15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Overhead,
    Dispatch,
}

#[derive(Debug)]
pub(crate) struct RuntimeCost {
    measure: Measure,
    rounds: usize,
}

#[derive(Debug)]
pub(crate) struct RuntimeTable {
    name: &'static str,
    about: String,
    machine: String,
    rows: Vec<CostRow>,
    limits: Vec<Limit>,
}

#[derive(Debug)]
struct CostRow {
    name: String,
    /// One figure for each round.
    nanos: Vec<f64>,
    /// Counted by the program that times nothing.
    allocations: Vec<f64>,
}

#[derive(Debug)]
struct Limit {
    about: String,
    found: f64,
    max: f64,
}

impl RuntimeCost {
    /// `overhead [--rounds <number>]` or `dispatch [--rounds <number>]`.
    pub(crate) fn parse(name: &str, args: &[&str]) -> Result<Self, String> {
        let measure = match name {
            "overhead" => Measure::Overhead,
            "dispatch" => Measure::Dispatch,
            other => return Err(format!("no benchmark `{other}`")),
        };
        let rounds = match args {
            [] => 10,
            ["--rounds", rounds] => number(rounds)?,
            [other, ..] => return Err(format!("no option `{other}` of `{name}`; there is `--rounds`")),
        };
        Ok(Self { measure, rounds })
    }

    pub(crate) fn run(self) -> Result<RuntimeTable, String> {
        let mut table = self.measured();
        table.set_allocations(&self.measure.counted()?);
        if self.measure == Measure::Overhead {
            table.add_overhead_limits();
        }
        table.save()?;
        Ok(table)
    }

    /// The allocations of each row as JSON, in the program that counts them.
    pub(crate) fn count(self) -> Value {
        self.measured().rows.iter().map(CostRow::allocations).collect()
    }

    fn measured(&self) -> RuntimeTable {
        match self.measure {
            Measure::Overhead => overhead(self.rounds),
            Measure::Dispatch => dispatch(self.rounds),
        }
    }
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Self::Overhead => "overhead",
            Self::Dispatch => "dispatch",
        }
    }

    /// Runs the program that counts allocations, and returns those of each row.
    fn counted(self) -> Result<Vec<f64>, String> {
        let program = alloc::program()?;
        let cannot =
            |why: &dyn fmt::Display| format!("cannot count the allocations of {}: {why}", self.name());
        let output = Command::new(program)
            .args(["counted", self.name()])
            .output()
            .map_err(|error| cannot(&error))?;
        serde_json::from_slice(&output.stdout).map_err(|error| cannot(&error))
    }
}

/// Measures a whole delivery and its decoding in turn. The difference is the cost of the runtime. The null broker
/// delivers the same message every time, and the handler is empty.
fn overhead(rounds: usize) -> RuntimeTable {
    let wire = wire::of(&OrderCreated::small());
    let app = NullBrokerApp::start(NullBroker::new(&wire), handlers![take]);
    let mut all = CostRow::new("in all");
    let mut decoding = CostRow::new("decoding");
    let mut rest = CostRow::new("the runtime");
    app.deliver(DELIVERIES);
    for _ in 0..rounds {
        let whole = measured(DELIVERIES, || app.deliver(DELIVERIES));
        let part = measured(DELIVERIES, || {
            for _ in 0..DELIVERIES {
                black_box(path::read::<OrderCreated>(black_box(&wire)));
            }
        });
        rest.add((
            whole.0 - part.0,
            whole.1.zip(part.1).map(|(whole, part)| whole - part),
        ));
        all.add(whole);
        decoding.add(part);
    }
    RuntimeTable {
        name: Measure::Overhead.name(),
        about: "one delivery of 512 bytes to an empty handler, without a broker".to_owned(),
        machine: machine::describe(),
        rows: vec![all, decoding, rest],
        limits: Vec::new(),
    }
}

/// Measures a delivery to the last of a growing number of patterns and handlers.
fn dispatch(rounds: usize) -> RuntimeTable {
    let mut table = RuntimeTable {
        name: Measure::Dispatch.name(),
        about: "one delivery to the last of many; the handler is empty and decodes nothing".to_owned(),
        machine: machine::describe(),
        rows: Vec::new(),
        limits: Vec::new(),
    };
    table.series(
        "patterns of a handler",
        rounds,
        vec![
            (1, to_the_last_of(ManyHandlers::<1, 1, false>)),
            (10, to_the_last_of(ManyHandlers::<1, 10, false>)),
            (100, to_the_last_of(ManyHandlers::<1, 100, false>)),
            (1_000, to_the_last_of(ManyHandlers::<1, 1_000, false>)),
            (10_000, to_the_last_of(ManyHandlers::<1, 10_000, false>)),
        ],
    );
    table.series(
        "handlers, a queue each",
        rounds,
        vec![
            (1, to_the_last_of(ManyHandlers::<1, 1, false>)),
            (10, to_the_last_of(ManyHandlers::<10, 1, false>)),
            (100, to_the_last_of(ManyHandlers::<100, 1, false>)),
            (1_000, to_the_last_of(ManyHandlers::<1_000, 1, false>)),
        ],
    );
    table.series(
        "handlers of one queue",
        rounds,
        vec![
            (1, to_the_last_of(ManyHandlers::<1, 1, true>)),
            (10, to_the_last_of(ManyHandlers::<10, 1, true>)),
            (100, to_the_last_of(ManyHandlers::<100, 1, true>)),
            (1_000, to_the_last_of(ManyHandlers::<1_000, 1, true>)),
        ],
    );
    let sizes = [1, 10, 100, 1_000, 10_000];
    let bound = sizes.map(|bindings| (bindings, find_in(bindings)));
    table.series("bindings in memory, the topic alone", rounds, bound.into());
    table
}

type Work = Box<dyn FnMut(u64)>;

fn to_the_last_of<const HANDLERS: usize, const PATTERNS: usize, const SHARED: bool>(
    handlers: ManyHandlers<HANDLERS, PATTERNS, SHARED>,
) -> Work {
    let app = NullBrokerApp::start(path::to_the_last_of(handlers), handlers);
    Box::new(move |batches| app.deliver(batches * BATCH))
}

fn find_in(bindings: usize) -> Work {
    // Pattern number 0 is extra. It has wildcards, as every hundredth pattern does.
    let patterns: Vec<String> = (0..=bindings).map(path::pattern).collect();
    let mut topics = Topics::new(patterns.iter().map(String::as_str));
    Box::new(move |batches| {
        for _ in 0..batches * BATCH {
            black_box(topics.find(black_box("order.a001.created")).len());
        }
    })
}

struct NullBrokerApp {
    runtime: Runtime,
    null_broker: NullBroker,
    app: Option<RunningApp>,
}

impl NullBrokerApp {
    fn start(null_broker: NullBroker, handlers: impl HandlerList<NoState>) -> Self {
        let runtime = path::runtime();
        let app = App::new("bench").handlers(handlers);
        let app = Some(runtime.block_on(path::start(app, &null_broker.bus())));
        Self {
            runtime,
            null_broker,
            app,
        }
    }

    fn deliver(&self, deliveries: u64) {
        self.runtime.block_on(self.null_broker.turn(deliveries));
    }
}

impl Drop for NullBrokerApp {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(path::end(app));
        }
    }
}

/// The nanoseconds per item of `work`, and its allocations in the program that counts them.
#[allow(clippy::cast_precision_loss)] // Counts are far below 2^53.
fn measured(count: u64, work: impl FnOnce()) -> (f64, Option<f64>) {
    let (cpu, allocations) = (machine::thread_nanos(), alloc::count());
    work();
    let nanos = machine::thread_nanos() - cpu;
    let allocations = alloc::since(allocations);
    let per_item = |allocations| allocations as f64 / count as f64;
    (nanos / count as f64, allocations.map(per_item))
}

/// The number of batches that a round has time for. The wall clock measures it, because the CPU clock of a thread can
/// advance in steps of milliseconds.
fn batches_of(work: &mut Work) -> u64 {
    let mut batches = 1;
    loop {
        let started = Instant::now();
        work(batches);
        if started.elapsed() >= ROUND / 2 {
            return batches;
        }
        batches *= 2;
    }
}

impl CostRow {
    fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            nanos: Vec::new(),
            allocations: Vec::new(),
        }
    }

    fn add(&mut self, (nanos, allocations): (f64, Option<f64>)) {
        self.nanos.push(nanos);
        self.allocations.extend(allocations);
    }

    fn nanos(&self) -> Summary {
        summary(&self.nanos).unwrap_or(Summary {
            median: 0.0,
            min: 0.0,
            max: 0.0,
        })
    }

    /// Rounded to hundredths, because a buffer sometimes grows.
    fn allocations(&self) -> f64 {
        let median = summary(&self.allocations).map_or(0.0, |allocations| allocations.median);
        (median * 100.0).round() / 100.0
    }
}

impl RuntimeTable {
    fn set_allocations(&mut self, counts: &[f64]) {
        for (row, &count) in self.rows.iter_mut().zip(counts) {
            row.allocations = vec![count];
        }
    }

    fn add_overhead_limits(&mut self) {
        let Some(rest) = self.rows.last() else { return };
        let (nanos, allocations) = (rest.nanos().median, rest.allocations());
        self.limits = vec![
            Limit {
                about: format!("the runtime: at most {MAX_NANOS:.0} ns a delivery"),
                found: nanos,
                max: MAX_NANOS,
            },
            Limit {
                about: format!("the runtime: at most {MAX_ALLOCATIONS} allocations a delivery"),
                found: allocations,
                max: MAX_ALLOCATIONS,
            },
        ];
    }

    /// Measures the work of each size in turn, and compares the largest with the smallest, round by round.
    fn series(&mut self, name: &str, rounds: usize, mut works: Vec<(usize, Work)>) {
        let batches: Vec<u64> = works.iter_mut().map(|(_, work)| batches_of(work)).collect();
        let mut rows: Vec<CostRow> = works
            .iter()
            .map(|(size, _)| CostRow::new(format!("{size} {name}")))
            .collect();
        for round in 0..rounds {
            for turn in 0..works.len() {
                let at = (round + turn) % works.len();
                let (work, batches) = (&mut works[at].1, batches[at]);
                rows[at].add(measured(batches * BATCH, || work(batches)));
            }
        }
        if let (Some(first), Some(last), Some((size, _))) = (rows.first(), rows.last(), works.last()) {
            let ratios: Vec<f64> = last
                .nanos
                .iter()
                .zip(&first.nanos)
                .map(|(last, first)| last / first)
                .collect();
            self.limits.push(Limit {
                about: format!("{size} {name}: at most {MAX_GROWTH} times the cost of one"),
                found: summary(&ratios).map_or(f64::NAN, |ratio| ratio.median),
                max: MAX_GROWTH,
            });
        }
        self.rows.extend(rows);
    }

    /// Each limit with the measured value, and whether the limit is met.
    pub(crate) fn checked(&self) -> impl Iterator<Item = (&str, f64, bool)> {
        self.limits
            .iter()
            .map(|limit| (limit.about.as_str(), limit.found, limit.is_met()))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "scenario": self.name,
            "about": self.about,
            "machine": self.machine,
            "rows": self.rows.iter().map(|row| json!({
                "what": row.name, "nanos": row.nanos, "allocations": row.allocations
            })).collect::<Vec<_>>(),
            "targets": self.limits.iter().map(|limit| json!({
                "target": limit.about, "found": limit.found, "met": limit.is_met()
            })).collect::<Vec<_>>(),
        })
    }

    fn save(&self) -> Result<(), String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/results");
        let file = folder.join(format!("{}.json", self.name));
        let mut text = serde_json::to_string_pretty(&self.json()).unwrap_or_default();
        let _ = writeln!(text);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, text))
            .map_err(|error| format!("cannot write {}: {error}", file.display()))
    }
}

impl Limit {
    fn is_met(&self) -> bool {
        self.found <= self.max
    }
}

impl fmt::Display for RuntimeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}: {}\n{}", self.name, self.about, self.machine)?;
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>13}  {:>19}  {:>11}",
            "", "ns a delivery", "min to max", "allocations"
        )?;
        for row in &self.rows {
            let nanos = row.nanos();
            writeln!(
                f,
                "{:width$}  {:>13.0}  {:>19}  {:>11.1}",
                row.name,
                nanos.median,
                format!("{:.0} to {:.0}", nanos.min, nanos.max),
                row.allocations()
            )?;
        }
        for limit in &self.limits {
            let result = if limit.is_met() { "met" } else { "NOT MET" };
            writeln!(f, "{}: {:.2}, {result}", limit.about, limit.found)?;
        }
        Ok(())
    }
}
