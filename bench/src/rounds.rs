//! The rounds of a scenario: every row once in each, on each type of queue, in an order that turns.

use std::time::{Duration, Instant};

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::machine;
use crate::scenario::{Row, Scenario};
use crate::stopwatch::Report;
use crate::twins::{self, Job};
use crate::worker::Run;
use crate::worker_process::Program;

/// What the runs of a scenario have in common.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) url: String,
    /// The broker's process.
    pub(crate) pid: Option<u32>,
}

/// How much of a scenario is run.
#[derive(Debug)]
pub(crate) struct Extent<'a> {
    /// `classic` or `quorum`.
    pub(crate) queues: &'a [&'static str],
    pub(crate) rounds: usize,
    /// A run has so many events whatever its row says.
    pub(crate) events: Option<u64>,
    /// A fifth of what the rows say.
    pub(crate) quick: bool,
}

/// One run, and what went on around it.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Measured {
    pub(crate) row: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) round: usize,
    pub(crate) report: Report,
    /// CPU seconds of the broker.
    pub(crate) broker_cpu: f64,
    /// Which part of the machine's time went to neither the worker nor the broker.
    pub(crate) others: f64,
}

/// Allocations, counted in a run that is not timed.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Counted {
    pub(crate) row: &'static str,
    pub(crate) queue: &'static str,
    /// For each event.
    pub(crate) allocations: f64,
}

/// What was measured, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) measured: Vec<Measured>,
    pub(crate) counted: Vec<Counted>,
    pub(crate) failures: Vec<Failure>,
}

#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Failure {
    pub(crate) row: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) why: String,
}

/// Runs all rounds, and counts allocations after them. A row that fails says why in the table, and is left out when it fails at once or twice.
pub(crate) fn rounds(scenario: &Scenario, stage: &Stage, extent: &Extent<'_>) -> Rounds {
    let mut all = Rounds::default();
    for round in 0..extent.rounds {
        eprintln!("{}, round {} of {}", scenario.name, round + 1, extent.rounds);
        // Who comes first changes: what one leaves behind in the broker falls on another each time.
        for turn in 0..scenario.rows.len() {
            let row = &scenario.rows[(turn + round) % scenario.rows.len()];
            for &queue in extent.queues {
                let is_this = |failure: &&Failure| failure.row == row.name && failure.queue == queue;
                // What is not there is not there the next time; what broke gets another chance.
                let measured = all.measured.iter().any(|run| run.row == row.name);
                if all.failures.iter().filter(is_this).count() > usize::from(measured) {
                    continue;
                }
                match one(row, stage, queue, extent, round) {
                    Ok(measured) => all.measured.push(measured),
                    Err(why) => {
                        eprintln!("bench: {why}");
                        let row = row.name;
                        all.failures.push(Failure { row, queue, why });
                    }
                }
            }
        }
    }
    for (row, &queue) in scenario
        .rows
        .iter()
        .flat_map(|row| extent.queues.iter().map(move |queue| (row, queue)))
    {
        // What did not run needs no count.
        if all
            .measured
            .iter()
            .any(|run| run.row == row.name && run.queue == queue)
        {
            match counted(row, stage, queue, extent) {
                Ok(counted) => all.counted.extend(counted),
                Err(why) => eprintln!("bench: {why}"),
            }
        }
    }
    all
}

/// Counts the allocations of a row, over a fifth of its events.
fn counted(
    row: &Row,
    stage: &Stage,
    queue: &'static str,
    extent: &Extent<'_>,
) -> Result<Option<Counted>, String> {
    let events = extent.events.map(|events| (events / 5).max(1));
    let run = run(row, stage, events, true);
    prepare(row.job, stage, queue, run.events)?;
    let Some(program) = Program::start_counting(row.twin, row.job, &run, limit(&run))? else {
        return Ok(None);
    };
    let report = program.go(row.twin)?;
    #[allow(clippy::cast_precision_loss)] // Nobody publishes 2^53 events.
    let of_each = |allocations| allocations as f64 / report.events as f64;
    Ok(report.allocations.map(|allocations| Counted {
        row: row.name,
        queue,
        allocations: of_each(allocations),
    }))
}

fn run(row: &Row, stage: &Stage, events: Option<u64>, quick: bool) -> Run {
    let usual = if quick {
        (row.events / 5).max(1)
    } else {
        row.events
    };
    // Whole families are published, and every aggregate's share.
    let events = events.unwrap_or(usual);
    Run {
        url: stage.url.clone(),
        events: if row.job == Job::Family {
            events.div_ceil(50) * 50
        } else {
            events
        },
    }
}

fn limit(run: &Run) -> Duration {
    Duration::from_secs(60 + run.events / 1_000)
}

fn one(
    row: &Row,
    stage: &Stage,
    queue: &'static str,
    extent: &Extent<'_>,
    round: usize,
) -> Result<Measured, String> {
    let run = run(row, stage, extent.events, extent.quick);
    prepare(row.job, stage, queue, run.events)?;
    let program = Program::start(row.twin, row.job, &run, limit(&run))?;
    let broker = || stage.pid.map_or(0.0, |pid| machine::cpu_of(pid).0);
    let (broker_before, all_before) = (broker(), machine::cpu_of_all().0);
    let started = Instant::now();
    let report = program.go(row.twin)?;
    let broker_cpu = broker() - broker_before;
    let all = machine::cpu_of_all().0 - all_before;
    #[allow(clippy::cast_precision_loss)] // Cores are few.
    let capacity =
        started.elapsed().as_secs_f64() * std::thread::available_parallelism().map_or(1, usize::from) as f64;
    Ok(Measured {
        row: row.name,
        queue,
        round,
        broker_cpu,
        others: ((all - broker_cpu - report.cpu) / capacity).max(0.0),
        report,
    })
}

/// Makes the queues anew, bound to what is published, and fills the first where a run takes from it.
fn prepare(job: Job, stage: &Stage, queue: &str, events: u64) -> Result<(), String> {
    if job.queues().is_empty() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    runtime
        .block_on(fresh_queues(job, stage, queue, events))
        .map_err(|error| format!("cannot prepare the queues: {error}"))
}

async fn fresh_queues(job: Job, stage: &Stage, queue_type: &str, events: u64) -> lapin::Result<()> {
    let (connection, channel) = twins::confirm_channel(&stage.url).await;
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let none = FieldTable::default;
    channel
        .exchange_declare(twins::EXCHANGE.into(), ExchangeKind::Topic, durable, none())
        .await?;
    // What another job left behind would take these events, too.
    for other in Job::ALL {
        for &(queue, _) in other.queues() {
            let gone = QueueDeleteOptions::default();
            channel.queue_delete(queue.into(), gone).await?;
        }
    }
    for &(queue, pattern) in job.queues() {
        let mut arguments = none();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(queue_type.into()));
        channel
            .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
            .await?;
        let (exchange, bound) = (twins::EXCHANGE, QueueBindOptions::default());
        channel
            .queue_bind(queue.into(), exchange.into(), pattern.into(), bound, none())
            .await?;
    }
    if let Some(fill) = job.fill() {
        twins::fill(&channel, events, fill).await;
    }
    connection.close(200, "ready".into()).await
}
