//! The results of the scenarios: tables as text and Markdown, and every run as JSON.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::rounds::{AllocationCount, Failure, Measurement, Rounds};
use crate::runtime_cost::RuntimeTable;
use crate::scenario::{Bound, Figure, On, Scenario, Target};
use crate::statistics::{MedianInterval, Summary, median_interval, summary};

/// The result of one scenario on one type of queue.
#[derive(Debug)]
pub(crate) struct ScenarioResult {
    scenario: &'static Scenario,
    queue: &'static str,
    measurements: Vec<Measurement>,
    allocations: Vec<AllocationCount>,
    failures: Vec<Failure>,
}

#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) broker: String,
    pub(crate) machine: String,
    pub(crate) scenarios: Vec<ScenarioResult>,
    pub(crate) runtime_costs: Vec<RuntimeTable>,
}

/// A target with the measured value.
struct Checked<'a> {
    target: &'a Target,
    found: Option<MedianInterval>,
}

impl Results {
    pub(crate) fn json(&self) -> String {
        let mut text = String::from("{\n");
        let mut add = |name: &str, values: Vec<Value>| {
            let _ = writeln!(text, "{}: {},", json!(name), json!(values));
        };
        let all = &self.scenarios;
        add(
            "targets",
            all.iter().flat_map(ScenarioResult::target_values).collect(),
        );
        let failures = all.iter().flat_map(|result| &result.failures);
        add("failures", failures.map(|failure| json!(failure)).collect());
        let costs = self.runtime_costs.iter();
        add("runtime costs", costs.map(RuntimeTable::json).collect());
        let allocations = all.iter().flat_map(|result| {
            let named = |count| json!({ "scenario": result.scenario.name, "counted": count });
            result.allocations.iter().map(named)
        });
        add("allocations", allocations.collect());
        let _ = writeln!(text, "\"broker\": {},", json!(self.broker));
        let _ = writeln!(text, "\"machine\": {},", json!(self.machine));
        // One run per line, so that a diff of two files is readable.
        text.push_str("\"runs\": [\n");
        let runs = all.iter().flat_map(|result| {
            let named = |run| json!({ "scenario": result.scenario.name, "run": run }).to_string();
            result.measurements.iter().map(named)
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
            "# Benchmark results\n\n{broker}\n{}\n\n## Targets\n\n{}",
            self.machine,
            self.targets()
        );
        text.push_str("\n## Tables\n\n```text");
        for result in &self.scenarios {
            let _ = write!(text, "{result}");
        }
        for table in &self.runtime_costs {
            let _ = write!(text, "{table}");
        }
        text.push_str("```\n");
        text
    }

    /// All targets as a Markdown table.
    pub(crate) fn targets(&self) -> String {
        let mut text =
            "\n| scenario | queue | target | found | 95 % interval | |\n|---|---|---|---|---|---|\n"
                .to_owned();
        for result in &self.scenarios {
            for checked in result.checked() {
                let (found, interval) = checked.found.map_or_else(
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
                    result.scenario.name,
                    result.queue,
                    checked.target,
                    checked.text()
                );
            }
        }
        for table in &self.runtime_costs {
            for (target, found, is_met) in table.checked() {
                let result = if is_met { "met" } else { "**not met**" };
                let _ = writeln!(
                    text,
                    "| {} | - | {target} | {} | - | {result} |",
                    table.name(),
                    shown(found)
                );
            }
        }
        text
    }
}

impl ScenarioResult {
    pub(crate) fn new(scenario: &'static Scenario, queue: &'static str, rounds: &Rounds) -> Self {
        let measurements = rounds.measurements.iter().filter(|run| run.queue == queue);
        let allocations = rounds.allocations.iter().filter(|row| row.queue == queue);
        let failures = rounds.failures.iter().filter(|failure| failure.queue == queue);
        Self {
            scenario,
            queue,
            measurements: measurements.cloned().collect(),
            allocations: allocations.cloned().collect(),
            failures: failures.cloned().collect(),
        }
    }

    fn target_values(&self) -> Vec<Value> {
        let value = |checked: Checked<'_>| {
            json!({
                "scenario": self.scenario.name,
                "queue": self.queue,
                "target": checked.target.to_string(),
                "found": checked.found,
                "result": checked.text(),
            })
        };
        self.checked().map(value).collect()
    }

    fn checked(&self) -> impl Iterator<Item = Checked<'_>> {
        self.scenario.targets.iter().map(|target| Checked {
            target,
            found: self.found(target.of, target.figure, target.bound),
        })
    }

    /// Applies the bound round by round: a ratio compares two runs of the same round.
    fn found(&self, row: &str, figure: Figure, bound: Bound) -> Option<MedianInterval> {
        let values = self.runs(row).filter_map(|run| {
            let theirs = match bound.other_row() {
                None => 0.0,
                Some(other) => {
                    let same_round = |it: &&Measurement| it.round == run.round;
                    figure.of(self.runs(other).find(same_round)?)?
                }
            };
            Some(bound.value(figure.of(run)?, theirs))
        });
        median_interval(values.filter(|value| value.is_finite()).collect())
    }

    fn runs(&self, row: &str) -> impl Iterator<Item = &Measurement> {
        self.measurements.iter().filter(move |run| run.row == row)
    }

    fn summary(&self, row: &str, figure: impl Fn(&Measurement) -> Option<f64>) -> Option<Summary> {
        summary(&self.runs(row).filter_map(figure).collect::<Vec<_>>())
    }

    fn allocations_per_event(&self, row: &str) -> Option<f64> {
        let mut counts = self.allocations.iter();
        counts.find(|count| count.row == row).map(|it| it.per_event)
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, row: &str) -> fmt::Result {
        let Some(rate) = self.summary(row, |run| Figure::Rate.of(run)) else {
            return Ok(());
        };
        let median = |figure: &dyn Fn(&Measurement) -> Option<f64>| {
            self.summary(row, figure).map(|summary| summary.median)
        };
        let shown = |figure: Option<f64>, digits: usize| {
            figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
        };
        write!(
            f,
            "{row:<23} {:>9.0} {:>17}  {:>7} {:>7}  {:>8} {:>8} {:>8}  {:>7} {:>9}",
            rate.median,
            format!("{:.0} to {:.0}", rate.min, rate.max),
            shown(median(&|run| Figure::Cpu.of(run)), 2),
            shown(median(&|run| Some(per_100_000(run.broker_cpu, run))), 2),
            shown(median(&|run| run.report.p50), 0),
            shown(median(&|run| run.report.p99), 0),
            shown(median(&|run| run.report.p999), 0),
            shown(self.allocations_per_event(row), 1),
            shown(median(&|run| Figure::Peak.of(run)), 0),
        )?;
        let also: BTreeSet<&str> = self
            .runs(row)
            .flat_map(|run| run.report.also.keys().map(String::as_str))
            .collect();
        for name in also {
            let figure = median(&|run| run.report.also.get(name).copied());
            write!(f, "  {name} {}", shown(figure, 2))?;
        }
        writeln!(f)
    }

    /// Writes the ratios of the first row to each other row.
    fn ratios(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.scenario.rows else {
            return Ok(());
        };
        let ours = rest.iter().filter(|row| row.client == first.client).count();
        let others = rest.len() - ours;
        if ours != 0 && others == ours + 1 {
            // The rows are pairs of Tidings and another client, and the targets compare each pair.
            return Ok(());
        }
        for row in rest {
            let times = |figure| self.found(first.name, figure, Bound::TimesAtLeast(0.0, row.name));
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

impl Checked<'_> {
    /// A target is met with certainty if the whole interval meets it.
    fn text(&self) -> &'static str {
        let Some(found) = self.found else {
            return "not measured";
        };
        let is_met = |value| self.target.bound.is_met(value);
        match (is_met(found.median), is_met(found.low) && is_met(found.high)) {
            (true, true) => "met",
            (true, false) => "met at the median",
            (false, _) => "**not met**",
        }
    }
}

impl Figure {
    fn of(self, run: &Measurement) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)] // A run has fewer than 2^53 events.
        match self {
            Self::Rate => Some(run.report.events as f64 / run.report.seconds),
            Self::Cpu => Some(per_100_000(run.report.cpu, run)),
            Self::P50 => run.report.p50,
            Self::Peak => Some(run.report.peak_kib as f64 / 1024.0),
            Self::Also(name) => run.report.also.get(name).copied(),
        }
    }
}

fn per_100_000(seconds: f64, run: &Measurement) -> f64 {
    #[allow(clippy::cast_precision_loss)] // A run has fewer than 2^53 events.
    let events = run.report.events as f64;
    seconds * 100_000.0 / events
}

/// Two digits after the point for small figures, none for large ones.
fn shown(figure: f64) -> String {
    if figure.abs() < 100.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.0}")
    }
}

impl fmt::Display for ScenarioResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds: BTreeSet<usize> = self.measurements.iter().map(|run| run.round).collect();
        let others: Vec<f64> = self.measurements.iter().map(|run| run.others * 100.0).collect();
        let others = summary(&others);
        writeln!(
            f,
            "\n{}: {}\n{}; {} rounds; other processes used {:.0} % of the machine ({:.0} at most)\n",
            self.scenario.name,
            self.scenario.about,
            match self.scenario.on {
                On::Memory => "in memory".to_owned(),
                _ => format!("{} queues", self.queue),
            },
            rounds.len(),
            others.map_or(0.0, |others| others.median),
            others.map_or(0.0, |others| others.max),
        )?;
        writeln!(
            f,
            "{:<23} {:>9} {:>17}  {:>7} {:>7}  {:>8} {:>8} {:>8}  {:>7} {:>9}",
            "",
            "events/s",
            "min to max",
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
        for checked in self.checked() {
            let found = checked
                .found
                .map_or_else(|| "-".to_owned(), |found| shown(found.median));
            writeln!(f, "  {}: {found}, {}", checked.target, checked.text())?;
        }
        Ok(())
    }
}
