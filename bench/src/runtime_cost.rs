//! The runtime alone, without a broker: what one delivery costs beside its decoding, and whether that grows with the
//! patterns and handlers that there are.
//!
//! Everything runs on one thread and is measured in that thread's own CPU time, so that what else the machine does
//! costs it little.

use std::fmt::{self, Write as _};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidings::__bench::{Crowd, Topics, Treadmill};
use tidings::__private::HandlerList;
use tidings::{App, NoState, RunningApp, handlers};
use tidings_paths::event::OrderCreated;
use tidings_paths::path::{self, BATCH, take};
use tidings_paths::wire;
use tokio::runtime::Runtime;

use crate::alloc;
use crate::machine;
use crate::statistics::{Summary, summary};

/// How many deliveries a round has, where they cost about the same.
const DELIVERIES: u64 = 200 * BATCH;
/// How long a round takes, where the cost is what is asked.
const ROUND: Duration = Duration::from_millis(100);

/// What the runtime may add to a delivery: nanoseconds and allocations.
const MOST_NANOS: f64 = 1_000.0;
const MOST_ALLOCATIONS: f64 = 2.0;
/// How much more a delivery may cost among many than alone.
const MOST_AMONG_MANY: f64 = 1.15;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Overhead,
    Dispatch,
}

/// What to measure, and how often.
#[derive(Debug)]
pub(crate) struct Order {
    what: What,
    rounds: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    about: String,
    machine: String,
    rows: Vec<Row>,
    targets: Vec<Target>,
}

/// One thing, a round each.
#[derive(Debug)]
struct Row {
    what: String,
    nanos: Vec<f64>,
    /// Counted where nothing is timed.
    allocations: Vec<f64>,
}

#[derive(Debug)]
struct Target {
    about: String,
    found: f64,
    most: f64,
}

impl Order {
    /// `overhead [--rounds <number>]` or `dispatch [--rounds <number>]`.
    pub(crate) fn parse(name: &str, args: &[&str]) -> Result<Self, String> {
        let what = match name {
            "overhead" => What::Overhead,
            "dispatch" => What::Dispatch,
            other => return Err(format!("no benchmark `{other}`")),
        };
        let rounds = match args {
            [] => 10,
            ["--rounds", rounds] => match rounds.parse() {
                Ok(rounds) if rounds > 0 => rounds,
                _ => return Err(format!("`{rounds}` is not a number from 1 up")),
            },
            [other, ..] => return Err(format!("no option `{other}` of `{name}`; there is `--rounds`")),
        };
        Ok(Self { what, rounds })
    }

    pub(crate) fn run(self) -> Result<Table, String> {
        let mut table = self.measured();
        table.take_counts(&self.what.counted()?);
        if self.what == What::Overhead {
            table.judge_overhead();
        }
        table.save()?;
        Ok(table)
    }

    /// The allocations of each row in its order, as JSON, where they are counted.
    pub(crate) fn count(self) -> Value {
        self.measured().rows.iter().map(Row::allocations).collect()
    }

    fn measured(&self) -> Table {
        match self.what {
            What::Overhead => overhead(self.rounds),
            What::Dispatch => dispatch(self.rounds),
        }
    }
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Overhead => "overhead",
            Self::Dispatch => "dispatch",
        }
    }

    /// The allocations of each row, by the program that counts them.
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

/// A delivery as a whole, and its decoding alone, in turn: what is left is the runtime's. The broker is a treadmill and
/// the handler is empty.
fn overhead(rounds: usize) -> Table {
    let wire = wire::of(&OrderCreated::small());
    let track = Track::new(Treadmill::new(&wire), handlers![take]);
    let mut all = Row::new("in all");
    let mut decoding = Row::new("decoding");
    let mut rest = Row::new("the runtime");
    track.turn(DELIVERIES);
    for _ in 0..rounds {
        let whole = measured(DELIVERIES, || track.turn(DELIVERIES));
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
    Table {
        name: What::Overhead.name(),
        about: "one delivery of 512 bytes to an empty handler, without a broker".to_owned(),
        machine: machine::describe(),
        rows: vec![all, decoding, rest],
        targets: Vec::new(),
    }
}

/// The same delivery among more and more that it is not for.
fn dispatch(rounds: usize) -> Table {
    let mut table = Table {
        name: What::Dispatch.name(),
        about: "one delivery to an empty handler, which decodes nothing, among many".to_owned(),
        machine: machine::describe(),
        rows: Vec::new(),
        targets: Vec::new(),
    };
    table.series(
        "patterns of a handler",
        rounds,
        vec![
            (1, among(Crowd::<1, 1, false>)),
            (10, among(Crowd::<1, 10, false>)),
            (100, among(Crowd::<1, 100, false>)),
            (1_000, among(Crowd::<1, 1_000, false>)),
            (10_000, among(Crowd::<1, 10_000, false>)),
        ],
    );
    table.series(
        "handlers, a queue each",
        rounds,
        vec![
            (1, among(Crowd::<1, 1, false>)),
            (10, among(Crowd::<10, 1, false>)),
            (100, among(Crowd::<100, 1, false>)),
            (1_000, among(Crowd::<1_000, 1, false>)),
        ],
    );
    table.series(
        "handlers of one queue",
        rounds,
        vec![
            (1, among(Crowd::<1, 1, true>)),
            (10, among(Crowd::<10, 1, true>)),
            (100, among(Crowd::<100, 1, true>)),
            (1_000, among(Crowd::<1_000, 1, true>)),
        ],
    );
    let sizes = [1, 10, 100, 1_000, 10_000];
    let bound = sizes.map(|bindings| (bindings, among_bindings(bindings)));
    table.series("bindings in memory, the topic alone", rounds, bound.into());
    table
}

/// Does so many batches.
type Work = Box<dyn FnMut(u64)>;

fn among<const HANDLERS: usize, const PATTERNS: usize, const SHARED: bool>(
    crowd: Crowd<HANDLERS, PATTERNS, SHARED>,
) -> Work {
    let track = Track::new(path::to_the_last_of(crowd), crowd);
    Box::new(move |batches| track.turn(batches * BATCH))
}

fn among_bindings(bindings: usize) -> Work {
    // And one with wildcards, which even one binding has beside it: each hundredth is such.
    let patterns: Vec<String> = (0..=bindings).map(path::pattern).collect();
    let mut topics = Topics::new(patterns.iter().map(String::as_str));
    Box::new(move |batches| {
        for _ in 0..batches * BATCH {
            black_box(topics.find(black_box("order.a001.created")).len());
        }
    })
}

/// Handlers on a treadmill.
struct Track {
    runtime: Runtime,
    treadmill: Treadmill,
    app: Option<RunningApp>,
}

impl Track {
    fn new(treadmill: Treadmill, handlers: impl HandlerList<NoState>) -> Self {
        let runtime = path::runtime();
        let app = App::new("bench").handlers(handlers);
        let app = Some(runtime.block_on(path::start(app, &treadmill.bus())));
        Self {
            runtime,
            treadmill,
            app,
        }
    }

    fn turn(&self, deliveries: u64) {
        self.runtime.block_on(self.treadmill.turn(deliveries));
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(path::end(app));
        }
    }
}

/// Nanoseconds and, where they are counted, allocations of one of `count` that `work` does.
#[allow(clippy::cast_precision_loss)] // They are few.
fn measured(count: u64, work: impl FnOnce()) -> (f64, Option<f64>) {
    let (cpu, allocations) = (machine::thread_nanos(), alloc::count());
    work();
    let nanos = machine::thread_nanos() - cpu;
    let allocations = alloc::since(allocations);
    let of_each = |allocations| allocations as f64 / count as f64;
    (nanos / count as f64, allocations.map(of_each))
}

/// How many batches of `work` a round has time for. By the wall clock: that of a thread may move in steps of milliseconds.
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

impl Row {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
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
            least: 0.0,
            most: 0.0,
        })
    }

    /// To the hundredth: now and then something grows that is then kept.
    fn allocations(&self) -> f64 {
        let median = summary(&self.allocations).map_or(0.0, |allocations| allocations.median);
        (median * 100.0).round() / 100.0
    }
}

impl Table {
    fn take_counts(&mut self, counts: &[f64]) {
        for (row, &count) in self.rows.iter_mut().zip(counts) {
            row.allocations = vec![count];
        }
    }

    fn judge_overhead(&mut self) {
        let Some(rest) = self.rows.last() else { return };
        let (nanos, allocations) = (rest.nanos().median, rest.allocations());
        self.targets = vec![
            Target {
                about: format!("the runtime: at most {MOST_NANOS:.0} ns a delivery"),
                found: nanos,
                most: MOST_NANOS,
            },
            Target {
                about: format!("the runtime: at most {MOST_ALLOCATIONS} allocations a delivery"),
                found: allocations,
                most: MOST_ALLOCATIONS,
            },
        ];
    }

    /// Measures the work of each size in turn, and holds the last against the first, round by round.
    fn series(&mut self, what: &str, rounds: usize, mut works: Vec<(usize, Work)>) {
        let batches: Vec<u64> = works.iter_mut().map(|(_, work)| batches_of(work)).collect();
        let mut rows: Vec<Row> = works
            .iter()
            .map(|(size, _)| Row::new(format!("{size} {what}")))
            .collect();
        for round in 0..rounds {
            for turn in 0..works.len() {
                let at = (round + turn) % works.len();
                let (work, batches) = (&mut works[at].1, batches[at]);
                rows[at].add(measured(batches * BATCH, || work(batches)));
            }
        }
        if let (Some(first), Some(last), Some((most, _))) = (rows.first(), rows.last(), works.last()) {
            let ratios: Vec<f64> = last
                .nanos
                .iter()
                .zip(&first.nanos)
                .map(|(last, first)| last / first)
                .collect();
            self.targets.push(Target {
                about: format!("{most} {what}: at most {MOST_AMONG_MANY} of what one costs"),
                found: summary(&ratios).map_or(f64::NAN, |ratio| ratio.median),
                most: MOST_AMONG_MANY,
            });
        }
        self.rows.extend(rows);
    }

    /// Each target with what was found, and whether it holds.
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = (&str, f64, bool)> {
        self.targets
            .iter()
            .map(|target| (target.about.as_str(), target.found, target.holds()))
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
                "what": row.what, "nanos": row.nanos, "allocations": row.allocations
            })).collect::<Vec<_>>(),
            "targets": self.targets.iter().map(|target| json!({
                "target": target.about, "found": target.found, "holds": target.holds()
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

impl Target {
    fn holds(&self) -> bool {
        self.found <= self.most
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}: {}\n{}", self.name, self.about, self.machine)?;
        let width = self.rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>13}  {:>19}  {:>11}",
            "", "ns a delivery", "least to most", "allocations"
        )?;
        for row in &self.rows {
            let nanos = row.nanos();
            writeln!(
                f,
                "{:width$}  {:>13.0}  {:>19}  {:>11.1}",
                row.what,
                nanos.median,
                format!("{:.0} to {:.0}", nanos.least, nanos.most),
                row.allocations()
            )?;
        }
        for target in &self.targets {
            let word = if target.holds() { "holds" } else { "DOES NOT HOLD" };
            writeln!(f, "{}: {:.2}, {word}", target.about, target.found)?;
        }
        Ok(())
    }
}
