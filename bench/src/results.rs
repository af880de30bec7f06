//! What the scenarios came to: tables for people, and everything that was measured for machines.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::rounds::{Counted, Failure, Measured, Rounds};
use crate::runtime_cost;
use crate::scenario::{Bound, Figure, On, Scenario, Target};
use crate::statistics::{Middle, Summary, middle, summary};

/// One scenario on one type of queue, measured.
#[derive(Debug)]
pub(crate) struct Page {
    scenario: &'static Scenario,
    queue: &'static str,
    measured: Vec<Measured>,
    counted: Vec<Counted>,
    failures: Vec<Failure>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) broker: String,
    pub(crate) machine: String,
    pub(crate) all: Vec<Page>,
    /// The runtime without a broker.
    pub(crate) alone: Vec<runtime_cost::Table>,
}

/// A target, judged.
struct Verdict<'a> {
    target: &'a Target,
    found: Option<Middle>,
}

impl Pages {
    pub(crate) fn json(&self) -> String {
        let mut text = String::from("{\n");
        let mut add = |name: &str, value: Value| {
            let _ = writeln!(text, "{}: {value},", json!(name));
        };
        add("broker", json!(self.broker));
        add("machine", json!(self.machine));
        add("targets", self.all.iter().flat_map(Page::target_values).collect());
        add(
            "failures",
            self.all
                .iter()
                .flat_map(|page| page.failures.iter().map(|failure| json!(failure)))
                .collect(),
        );
        add(
            "alone",
            self.alone.iter().map(runtime_cost::Table::json).collect(),
        );
        let counted = self.all.iter().flat_map(|page| {
            let named = |counted| json!({ "scenario": page.scenario.name, "counted": counted });
            page.counted.iter().map(named)
        });
        add("allocations", counted.collect());
        // A run a line, so that two files can be compared.
        text.push_str("\"runs\": [\n");
        let runs = self.all.iter().flat_map(|page| {
            let named = |run| json!({ "scenario": page.scenario.name, "run": run }).to_string();
            page.measured.iter().map(named)
        });
        text.push_str(&runs.collect::<Vec<_>>().join(",\n"));
        text.push_str("\n]\n}\n");
        text
    }

    pub(crate) fn markdown(&self) -> String {
        let broker = if self.broker.starts_with(|c: char| c.is_ascii_digit()) {
            format!("RabbitMQ {}", self.broker)
        } else {
            self.broker.clone()
        };
        let mut text = format!(
            "# Raw results\n\n{broker}\n{}\n\n## Targets\n\n{}",
            self.machine,
            self.verdicts()
        );
        text.push_str("\n## Tables\n\n```text");
        for page in &self.all {
            let _ = write!(text, "{page}");
        }
        for table in &self.alone {
            let _ = write!(text, "{table}");
        }
        text.push_str("```\n");
        text
    }

    /// Every target, as a table of Markdown.
    pub(crate) fn verdicts(&self) -> String {
        let mut text =
            "\n| scenario | queue | target | found | 95 % interval | |\n|---|---|---|---|---|---|\n"
                .to_owned();
        for page in &self.all {
            for verdict in page.verdicts() {
                let (found, interval) = verdict.found.map_or_else(
                    || ("-".to_owned(), "-".to_owned()),
                    |found| {
                        (
                            shown(found.median),
                            format!("{} to {}", shown(found.low), shown(found.high)),
                        )
                    },
                );
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {found} | {interval} | {} |",
                    page.scenario.name,
                    page.queue,
                    verdict.target,
                    verdict.word()
                );
            }
        }
        for table in &self.alone {
            for (target, found, holds) in table.verdicts() {
                let word = if holds { "holds" } else { "**does not hold**" };
                let _ = writeln!(
                    text,
                    "| {} | - | {target} | {} | - | {word} |",
                    table.name(),
                    shown(found)
                );
            }
        }
        text
    }
}

impl Page {
    pub(crate) fn new(scenario: &'static Scenario, queue: &'static str, rounds: &Rounds) -> Self {
        let measured = rounds.measured.iter().filter(|run| run.queue == queue);
        let counted = rounds.counted.iter().filter(|row| row.queue == queue);
        let failures = rounds.failures.iter().filter(|failure| failure.queue == queue);
        Self {
            scenario,
            queue,
            measured: measured.cloned().collect(),
            counted: counted.cloned().collect(),
            failures: failures.cloned().collect(),
        }
    }

    fn target_values(&self) -> Vec<Value> {
        let value = |verdict: Verdict<'_>| {
            json!({
                "scenario": self.scenario.name,
                "queue": self.queue,
                "target": verdict.target.to_string(),
                "found": verdict.found,
                "verdict": verdict.word(),
            })
        };
        self.verdicts().map(value).collect()
    }

    fn verdicts(&self) -> impl Iterator<Item = Verdict<'_>> {
        self.scenario.targets.iter().map(|target| Verdict {
            target,
            found: self.judged(target.of, target.figure, target.bound),
        })
    }

    fn judged(&self, row: &str, figure: Figure, bound: Bound) -> Option<Middle> {
        let ours = self.measured.iter().filter(|run| run.row == row);
        let judged = ours.filter_map(|run| {
            let theirs = match bound.against() {
                None => 0.0,
                Some(other) => {
                    let same = |other_run: &&Measured| other_run.row == other && other_run.round == run.round;
                    figure.of(self.measured.iter().find(same)?)?
                }
            };
            Some(bound.judged(figure.of(run)?, theirs))
        });
        middle(judged.filter(|judged| judged.is_finite()).collect())
    }

    fn summary(&self, row: &str, figure: impl Fn(&Measured) -> Option<f64>) -> Option<Summary> {
        let runs = self.measured.iter().filter(|run| run.row == row);
        summary(&runs.filter_map(figure).collect::<Vec<_>>())
    }

    /// For each event.
    fn allocations(&self, row: &str) -> Option<f64> {
        let mut counted = self.counted.iter();
        counted
            .find(|counted| counted.row == row)
            .map(|it| it.allocations)
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, row: &str) -> fmt::Result {
        let Some(rate) = self.summary(row, |run| Figure::Rate.of(run)) else {
            return Ok(());
        };
        let middle = |figure: &dyn Fn(&Measured) -> Option<f64>| {
            self.summary(row, figure).map(|summary| summary.median)
        };
        let shown = |figure: Option<f64>, digits: usize| {
            figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
        };
        write!(
            f,
            "{row:<23} {:>9.0} {:>17}  {:>7} {:>7}  {:>8} {:>8} {:>8}  {:>7} {:>9}",
            rate.median,
            format!("{:.0} to {:.0}", rate.least, rate.most),
            shown(middle(&|run| Figure::Cpu.of(run)), 2),
            shown(middle(&|run| Some(per_100_000(run.broker_cpu, run))), 2),
            shown(middle(&|run| run.report.p50), 0),
            shown(middle(&|run| run.report.p99), 0),
            shown(middle(&|run| run.report.p999), 0),
            shown(self.allocations(row), 1),
            shown(middle(&|run| Figure::Peak.of(run)), 0),
        )?;
        let runs = self.measured.iter().filter(|run| run.row == row);
        let also: BTreeSet<&str> = runs
            .flat_map(|run| run.report.also.keys().map(String::as_str))
            .collect();
        for name in also {
            let figure = middle(&|run| run.report.also.get(name).copied());
            write!(f, "  {name} {}", shown(figure, 2))?;
        }
        writeln!(f)
    }
}

impl Page {
    /// The first row against each of the others.
    fn ratios(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.scenario.rows else {
            return Ok(());
        };
        let ours = rest.iter().filter(|row| row.twin == first.twin).count();
        let others = rest.len() - ours;
        if ours != 0 && others == ours + 1 {
            // As many rows of ours as of others are pairs: their targets say what they come to.
            return Ok(());
        }
        for row in rest {
            let times = |figure| self.judged(first.name, figure, Bound::TimesAtLeast(0.0, row.name));
            if let (Some(rate), Some(cpu)) = (times(Figure::Rate), times(Figure::Cpu)) {
                writeln!(
                    f,
                    "  {} to {:<23} rate {:.2} ({:.2} to {:.2}), CPU {:.2} ({:.2} to {:.2})",
                    first.name, row.name, rate.median, rate.low, rate.high, cpu.median, cpu.low, cpu.high
                )?;
            }
        }
        Ok(())
    }
}

impl Verdict<'_> {
    /// It holds beyond doubt when the whole interval does.
    fn word(&self) -> &'static str {
        let Some(found) = self.found else {
            return "not measured";
        };
        let holds = |judged| self.target.bound.holds(judged);
        match (holds(found.median), holds(found.low) && holds(found.high)) {
            (true, true) => "holds",
            (true, false) => "holds in the middle",
            (false, _) => "**does not hold**",
        }
    }
}

impl Figure {
    fn of(self, run: &Measured) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)] // Nobody publishes 2^53 events.
        match self {
            Self::Rate => Some(run.report.events as f64 / run.report.seconds),
            Self::Cpu => Some(per_100_000(run.report.cpu, run)),
            Self::P50 => run.report.p50,
            Self::Peak => Some(run.report.peak_kib as f64 / 1024.0),
            Self::Also(name) => run.report.also.get(name).copied(),
        }
    }
}

fn per_100_000(seconds: f64, run: &Measured) -> f64 {
    #[allow(clippy::cast_precision_loss)] // Nobody publishes 2^53 events.
    let events = run.report.events as f64;
    seconds * 100_000.0 / events
}

/// As many digits as mean something.
fn shown(figure: f64) -> String {
    if figure.abs() < 100.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.0}")
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds: BTreeSet<usize> = self.measured.iter().map(|run| run.round).collect();
        let others: Vec<f64> = self.measured.iter().map(|run| run.others * 100.0).collect();
        let others = summary(&others);
        writeln!(
            f,
            "\n{}: {}\n{}; {} rounds; others took {:.0} % of the machine ({:.0} at most)\n",
            self.scenario.name,
            self.scenario.about,
            match self.scenario.on {
                On::Memory => "in memory".to_owned(),
                _ => format!("{} queues", self.queue),
            },
            rounds.len(),
            others.map_or(0.0, |others| others.median),
            others.map_or(0.0, |others| others.most),
        )?;
        writeln!(
            f,
            "{:<23} {:>9} {:>17}  {:>7} {:>7}  {:>8} {:>8} {:>8}  {:>7} {:>9}",
            "",
            "events/s",
            "least to most",
            "CPU",
            "broker",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "allocs",
            "peak MiB"
        )?;
        for row in self.scenario.rows {
            self.row(f, row.name)?;
        }
        for failure in &self.failures {
            writeln!(f, "{:<23} failed: {}", failure.row, failure.why)?;
        }
        self.ratios(f)?;
        for verdict in self.verdicts() {
            let found = verdict
                .found
                .map_or_else(|| "-".to_owned(), |found| shown(found.median));
            writeln!(f, "  {}: {found}, {}", verdict.target, verdict.word())?;
        }
        Ok(())
    }
}
