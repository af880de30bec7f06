//! The rounds of a scenario. Each round runs every row once on each type of queue.

use std::time::{Duration, Instant};

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::clients::{self, Job, Run};
use crate::machine;
use crate::scenario::{Row, Scenario};
use crate::stopwatch::Report;
use crate::worker_process::WorkerProcess;

/// The broker that all runs share, or the in-memory one.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) url: String,
    pub(crate) pid: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Options<'a> {
    /// `classic` or `quorum`.
    pub(crate) queues: &'a [&'static str],
    pub(crate) rounds: usize,
    /// The number of events of a run, instead of the row's own.
    pub(crate) events: Option<u64>,
    /// Runs a fifth of each row's events.
    pub(crate) quick: bool,
}

/// One run, with the CPU time of the broker and of other processes.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Measurement {
    pub(crate) row: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) round: usize,
    pub(crate) report: Report,
    pub(crate) broker_cpu: f64,
    /// The share of the machine's CPU time that neither the worker nor the broker used.
    pub(crate) others: f64,
}

/// The allocations of a row, from a separate run that is not timed.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct AllocationCount {
    pub(crate) row: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) per_event: f64,
}

#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Failure {
    pub(crate) row: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) why: String,
}

#[derive(Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) measurements: Vec<Measurement>,
    pub(crate) allocations: Vec<AllocationCount>,
    pub(crate) failures: Vec<Failure>,
}

/// Runs all rounds, and counts allocations after them.
pub(crate) fn run(scenario: &Scenario, broker: &Broker, options: &Options<'_>) -> Rounds {
    let mut all = Rounds::default();
    for round in 0..options.rounds {
        eprintln!("{}, round {} of {}", scenario.name, round + 1, options.rounds);
        // Each round starts with another row, because the load of one row can slow down the next.
        for turn in 0..scenario.rows.len() {
            let row = &scenario.rows[(turn + round) % scenario.rows.len()];
            for &queue in options.queues {
                if all.gave_up(row, queue) {
                    continue;
                }
                match measure(row, broker, queue, options, round) {
                    Ok(measurement) => all.measurements.push(measurement),
                    Err(why) => {
                        eprintln!("bench: {why}");
                        let row = row.name;
                        all.failures.push(Failure { row, queue, why });
                    }
                }
            }
        }
    }
    for row in scenario.rows {
        for &queue in options.queues {
            if !all.succeeded(row, queue) {
                continue;
            }
            match count_allocations(row, broker, queue, options) {
                Ok(count) => all.allocations.extend(count),
                Err(why) => eprintln!("bench: {why}"),
            }
        }
    }
    all
}

impl Rounds {
    /// A row that fails before its first success is given up, because its program may not be installed. A row
    /// that has run is given up after its second failure.
    fn gave_up(&self, row: &Row, queue: &str) -> bool {
        let of_this = |failure: &&Failure| failure.row == row.name && failure.queue == queue;
        let has_run = self.measurements.iter().any(|run| run.row == row.name);
        self.failures.iter().filter(of_this).count() > usize::from(has_run)
    }

    fn succeeded(&self, row: &Row, queue: &str) -> bool {
        let mut runs = self.measurements.iter();
        runs.any(|run| run.row == row.name && run.queue == queue)
    }
}

/// Counts the allocations of a row over a fifth of its events. `None` for a foreign client.
fn count_allocations(
    row: &Row,
    broker: &Broker,
    queue: &'static str,
    options: &Options<'_>,
) -> Result<Option<AllocationCount>, String> {
    let events = options.events.map(|events| (events / 5).max(1));
    let run = run_of(row, broker, events, true);
    prepare(row.job, broker, queue, run.events)?;
    let Some(worker) = WorkerProcess::start_counting(row.client, row.job, &run, deadline(&run))? else {
        return Ok(None);
    };
    let report = worker.run_job(row.client)?;
    #[allow(clippy::cast_precision_loss)] // A run has fewer than 2^53 events.
    let per_event = |allocations| allocations as f64 / report.events as f64;
    Ok(report.allocations.map(|allocations| AllocationCount {
        row: row.name,
        queue,
        per_event: per_event(allocations),
    }))
}

fn run_of(row: &Row, broker: &Broker, events: Option<u64>, quick: bool) -> Run {
    let default = if quick {
        (row.events / 5).max(1)
    } else {
        row.events
    };
    let events = events.unwrap_or(default);
    Run {
        url: broker.url.clone(),
        // Each of the family's 50 types has the same number of events.
        events: if row.job == Job::Family {
            events.div_ceil(50) * 50
        } else {
            events
        },
    }
}

fn deadline(run: &Run) -> Duration {
    Duration::from_secs(60 + run.events / 1_000)
}

fn measure(
    row: &Row,
    broker: &Broker,
    queue: &'static str,
    options: &Options<'_>,
    round: usize,
) -> Result<Measurement, String> {
    let run = run_of(row, broker, options.events, options.quick);
    prepare(row.job, broker, queue, run.events)?;
    let worker = WorkerProcess::start(row.client, row.job, &run, deadline(&run))?;
    let of_broker = || broker.pid.map_or(0.0, machine::cpu_of);
    let (broker_before, all_before) = (of_broker(), machine::cpu_of_all());
    let started = Instant::now();
    let report = worker.run_job(row.client)?;
    let broker_cpu = of_broker() - broker_before;
    let all = machine::cpu_of_all() - all_before;
    #[allow(clippy::cast_precision_loss)] // Cores are few.
    let capacity =
        started.elapsed().as_secs_f64() * std::thread::available_parallelism().map_or(1, usize::from) as f64;
    Ok(Measurement {
        row: row.name,
        queue,
        round,
        broker_cpu,
        others: ((all - broker_cpu - report.cpu) / capacity).max(0.0),
        report,
    })
}

/// Deletes and declares the job's queues, and fills the first one if the job takes from it.
fn prepare(job: Job, broker: &Broker, queue_type: &str, events: u64) -> Result<(), String> {
    if job.queues().is_empty() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    runtime
        .block_on(declare_queues(job, broker, queue_type, events))
        .map_err(|error| format!("cannot prepare the queues: {error}"))
}

async fn declare_queues(job: Job, broker: &Broker, queue_type: &str, events: u64) -> lapin::Result<()> {
    let (connection, channel) = clients::confirm_channel(&broker.url).await;
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let none = FieldTable::default;
    channel
        .exchange_declare(clients::EXCHANGE.into(), ExchangeKind::Topic, durable, none())
        .await?;
    // A queue of another job would receive these events, too.
    for other in Job::ALL {
        for &(queue, _) in other.queues() {
            let options = QueueDeleteOptions::default();
            channel.queue_delete(queue.into(), options).await?;
        }
    }
    for &(queue, pattern) in job.queues() {
        let mut arguments = none();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(queue_type.into()));
        channel
            .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
            .await?;
        let (exchange, options) = (clients::EXCHANGE, QueueBindOptions::default());
        channel
            .queue_bind(queue.into(), exchange.into(), pattern.into(), options, none())
            .await?;
    }
    if let Some(contents) = job.contents() {
        clients::fill(&channel, events, contents).await;
    }
    connection.close(200, "ready".into()).await
}
