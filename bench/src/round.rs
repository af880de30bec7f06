//! The rounds of a scenario: every twin once in each, in an order that turns.

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::machine;
use crate::program::Program;
use crate::scenario::{Queue, Scenario};
use crate::twins::{self, Twin};
use crate::worker::{Report, Run};

/// What the runs of a scenario have in common.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) url: String,
    /// The broker's process.
    pub(crate) pid: Option<u32>,
    /// `classic` or `quorum`.
    pub(crate) queue: &'static str,
}

/// One run, and what went on around it.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Measured {
    pub(crate) twin: &'static str,
    pub(crate) round: usize,
    pub(crate) report: Report,
    /// CPU seconds of the broker.
    pub(crate) broker_cpu: f64,
    /// Which part of the machine's time went to neither the worker nor the broker.
    pub(crate) others: f64,
}

/// Runs all rounds.
pub(crate) fn rounds(
    scenario: &Scenario,
    stage: &Stage,
    rounds: usize,
    events: Option<u64>,
) -> Result<Vec<Measured>, String> {
    let mut measured = Vec::new();
    for round in 0..rounds {
        eprintln!("{}, round {} of {rounds}", scenario.job.name(), round + 1);
        // Who comes first changes: what one leaves behind in the broker falls on another each time.
        for turn in 0..scenario.twins.len() {
            let twin = scenario.twins[(turn + round) % scenario.twins.len()];
            let own = scenario.events_of(twin);
            let events = events.map_or(own, |events| events.min(own));
            measured.push(one(scenario, stage, twin, events, round)?);
        }
    }
    Ok(measured)
}

fn one(
    scenario: &Scenario,
    stage: &Stage,
    twin: Twin,
    events: u64,
    round: usize,
) -> Result<Measured, String> {
    prepare(scenario, stage, events)?;
    let run = Run {
        url: stage.url.clone(),
        events,
    };
    let program = Program::start(twin, scenario.job, &run)?;
    let broker = || stage.pid.map_or(0.0, |pid| machine::cpu_of(pid).0);
    let (broker_before, all_before) = (broker(), machine::cpu_of_all().0);
    let started = std::time::Instant::now();
    let report = program.go(twin)?;
    let broker_cpu = broker() - broker_before;
    let all = machine::cpu_of_all().0 - all_before;
    #[allow(clippy::cast_precision_loss)] // Cores are few.
    let capacity =
        started.elapsed().as_secs_f64() * std::thread::available_parallelism().map_or(1, usize::from) as f64;
    Ok(Measured {
        twin: twin.name(),
        round,
        broker_cpu,
        others: ((all - broker_cpu - report.cpu) / capacity).max(0.0),
        report,
    })
}

/// Makes the queue anew, bound to what is published, and fills it where a run takes from it.
fn prepare(scenario: &Scenario, stage: &Stage, events: u64) -> Result<(), String> {
    if scenario.queue == Queue::None {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    runtime
        .block_on(fresh_queue(
            stage,
            (scenario.queue == Queue::Full).then_some((events, scenario.job.note())),
        ))
        .map_err(|error| format!("cannot prepare the queue: {error}"))
}

async fn fresh_queue(stage: &Stage, fill: Option<(u64, usize)>) -> lapin::Result<()> {
    let (connection, channel) = twins::confirm_channel(&stage.url).await;
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let (exchange, queue) = (twins::EXCHANGE, twins::QUEUE);
    channel
        .exchange_declare(
            exchange.into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        )
        .await?;
    channel
        .queue_delete(queue.into(), QueueDeleteOptions::default())
        .await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString(stage.queue.into()));
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
        .await?;
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            "order.*".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    if let Some((events, note)) = fill {
        twins::fill(&channel, events, note).await;
    }
    connection.close(200, "ready".into()).await
}
