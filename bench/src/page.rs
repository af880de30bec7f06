//! What a scenario came to: a table for people, and everything that was measured for machines.

use std::fmt;

use serde_json::{Value, json};

use crate::round::Measured;
use crate::scenario::{Bound, Figure, Scenario, Target};
use crate::statistics::{Ratio, Summary, ratio, summary};
use crate::twins::Twin;

/// One scenario, measured.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) broker: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) machine: String,
    pub(crate) measured: Vec<Measured>,
}

impl Page<'_> {
    pub(crate) fn file_name(&self) -> String {
        format!(
            "{}-{}-{}.json",
            self.scenario.job.name(),
            self.broker.replace(' ', "-"),
            self.queue
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "scenario": self.scenario.job.name(),
            "about": self.scenario.about,
            "broker": self.broker,
            "queue": self.queue,
            "machine": self.machine,
            "runs": self.measured,
            "targets": self.scenario.targets.iter().map(|target| {
                let (ratio, holds) = self.hold(target);
                json!({ "target": target.to_string(), "ratio": ratio, "holds": holds })
            }).collect::<Vec<_>>(),
        })
    }

    fn figures(&self, twin: Twin, figure: impl Fn(&Measured) -> Option<f64>) -> Vec<f64> {
        let runs = self.measured.iter().filter(|run| run.twin == twin.name());
        runs.filter_map(figure).collect()
    }

    fn summary(&self, twin: Twin, figure: impl Fn(&Measured) -> Option<f64>) -> Option<Summary> {
        summary(&self.figures(twin, figure))
    }

    fn ratio(&self, figure: Figure, twin: Twin) -> Option<Ratio> {
        let of = |twin| self.figures(twin, |run| Some(figure.of(run)));
        ratio(&of(self.scenario.twins[0]), &of(twin))
    }

    /// Whether the target holds: the middle of the rounds does.
    fn hold(&self, target: &Target) -> (Option<Ratio>, bool) {
        let ratio = self.ratio(target.figure, target.twin);
        let holds = ratio.is_some_and(|ratio| match target.bound {
            Bound::AtLeast(bound) => ratio.median >= bound,
            Bound::AtMost(bound) => ratio.median <= bound,
        });
        (ratio, holds)
    }
}

impl Figure {
    fn of(self, run: &Measured) -> f64 {
        #[allow(clippy::cast_precision_loss)] // Nobody publishes 2^53 events.
        let events = run.report.events as f64;
        match self {
            Self::Rate => events / run.report.seconds,
            Self::Cpu => per_100_000(run.report.cpu, events),
        }
    }
}

fn per_100_000(seconds: f64, events: f64) -> f64 {
    seconds * 100_000.0 / events
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = match self.figure {
            Figure::Rate => "rate",
            Figure::Cpu => "CPU",
        };
        let twin = self.twin.name();
        match self.bound {
            Bound::AtLeast(bound) => write!(f, "{figure} at least {bound} of {twin}'s"),
            Bound::AtMost(bound) => write!(f, "{figure} at most {bound} of {twin}'s"),
        }
    }
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.figures(self.scenario.twins[0], |_| Some(1.0)).len();
        let others = summary(
            &self
                .measured
                .iter()
                .map(|run| run.others * 100.0)
                .collect::<Vec<_>>(),
        );
        writeln!(
            f,
            "\n{}: {}\n{}, {} queue, {}; {rounds} rounds; others took {:.0} % of the machine ({:.0} at most)\n",
            self.scenario.job.name(),
            self.scenario.about,
            if self.broker.starts_with(|c: char| c.is_ascii_digit()) {
                format!("RabbitMQ {}", self.broker)
            } else {
                self.broker.to_owned()
            },
            self.queue,
            self.machine,
            others.map_or(0.0, |others| others.median),
            others.map_or(0.0, |others| others.most),
        )?;
        writeln!(
            f,
            "{:<14} {:>9} {:>17}  {:>7} {:>7}  {:>8} {:>8} {:>8}  {:>7} {:>9}",
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
        for &twin in self.scenario.twins {
            self.row(f, twin)?;
        }
        for &twin in self.scenario.twins.iter().skip(1) {
            let (Some(rate), Some(cpu)) = (self.ratio(Figure::Rate, twin), self.ratio(Figure::Cpu, twin))
            else {
                continue;
            };
            writeln!(
                f,
                "  to {:<12} rate {:.2} ({:.2} to {:.2}), CPU {:.2} ({:.2} to {:.2})",
                twin.name(),
                rate.median,
                rate.low,
                rate.high,
                cpu.median,
                cpu.low,
                cpu.high
            )?;
        }
        for target in self.scenario.targets {
            let (ratio, holds) = self.hold(target);
            let found = ratio.map_or(0.0, |ratio| ratio.median);
            writeln!(
                f,
                "  {}: {found:.2}, {}",
                target,
                if holds { "holds" } else { "does not hold" }
            )?;
        }
        Ok(())
    }
}

impl Page<'_> {
    fn row(&self, f: &mut fmt::Formatter<'_>, twin: Twin) -> fmt::Result {
        let Some(rate) = self.summary(twin, |run| Some(Figure::Rate.of(run))) else {
            return Ok(());
        };
        let middle = |figure: &dyn Fn(&Measured) -> Option<f64>| {
            self.summary(twin, figure).map(|summary| summary.median)
        };
        let shown = |figure: Option<f64>, digits: usize| {
            figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
        };
        #[allow(clippy::cast_precision_loss)] // Nobody publishes 2^53 events.
        let events = |run: &Measured| run.report.events as f64;
        #[allow(clippy::cast_precision_loss)]
        let counted = |count: u64| count as f64;
        writeln!(
            f,
            "{:<14} {:>9.0} {:>17}  {:>7} {:>7}  {:>8} {:>8} {:>8}  {:>7} {:>9}",
            twin.name(),
            rate.median,
            format!("{:.0} to {:.0}", rate.least, rate.most),
            shown(middle(&|run| Some(Figure::Cpu.of(run))), 2),
            shown(middle(&|run| Some(per_100_000(run.broker_cpu, events(run)))), 2),
            shown(middle(&|run| run.report.p50), 0),
            shown(middle(&|run| run.report.p99), 0),
            shown(middle(&|run| run.report.p999), 0),
            shown(
                middle(&|run| run.report.allocations.map(|count| counted(count) / events(run))),
                1
            ),
            shown(middle(&|run| Some(counted(run.report.peak_kib) / 1024.0)), 0),
        )
    }
}
