//! What an operator deletes with events in it, and how those are told from what is lost.
//!
//! An event that was in a deleted queue, or came by while its binding was away, is gone, and no client can have it back.
//! Such an event is counted apart, and told by its time: its handler had not finished it when the thing was deleted, or
//! it was handed to `publish` before the thing was there again. Any other that is missing is lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::recovery::recovers;
use crate::account::Account;
use crate::handlers::HANDLERS;
use crate::notebook::finished;
use crate::row::Row;
use crate::stage::Stage;
use crate::stranger::{QUORUM, Stranger, table};
use crate::traffic::{Load, Traffic};
use crate::wait::until;
use crate::witness::{self, number_and_id};

/// How long nothing is finished at the end before what is missing is gone or lost: what is gone never comes.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Which events may be gone, by handler.
#[derive(Debug, Default)]
pub(super) struct Gone(HashMap<String, HashSet<u64>>);

/// The time in which something is away.
#[derive(Debug)]
pub(super) struct Window {
    from: u64,
    unfinished: HashMap<String, HashSet<u64>>,
}

impl Window {
    /// Something of these handlers is about to be deleted.
    pub(super) fn open(traffic: &Traffic, handlers: &[&str]) -> Self {
        let mut reader = traffic.notebook().reader();
        let finished = finished(reader.lines());
        let told = traffic.book().read();
        let unfinished = |handler: &str| {
            let numbers = told.keys().copied();
            numbers
                .filter(|&number| !finished.contains_key(&(handler, number)))
                .collect()
        };
        Self {
            from: told.len() as u64,
            unfinished: handlers
                .iter()
                .map(|&handler| (handler.to_owned(), unfinished(handler)))
                .collect(),
        }
    }

    /// It is there again.
    pub(super) fn close(self, traffic: &Traffic, gone: &mut Gone) {
        let until = traffic.book().read().len() as u64;
        for (handler, mut numbers) in self.unfinished {
            numbers.extend(self.from..until);
            gone.0.entry(handler).or_default().extend(numbers);
        }
    }
}

impl Gone {
    /// These were found where a handler does not have them, and are kept there.
    pub(super) fn know(&mut self, handler: &str, found: &[BasicGetMessage]) {
        let numbers = found
            .iter()
            .filter_map(|message| number_and_id(&message.delivery.data))
            .map(|(number, _)| number);
        self.0.entry(handler.to_owned()).or_default().extend(numbers);
    }

    /// The row of an account in which these may be missing.
    pub(super) fn into_row(self, mut account: Account, mut row: Row) -> Row {
        let finished = finished(&account.lines);
        let confirmed: HashSet<u64> = account.confirmed().collect();
        let mut gone = HashMap::new();
        for (handler, mut numbers) in self.0 {
            let dead: HashSet<u64> = account
                .dead
                .get(&handler)
                .into_iter()
                .flatten()
                .map(|(number, _)| *number)
                .collect();
            numbers.retain(|number| {
                confirmed.contains(number)
                    && !dead.contains(number)
                    && !finished.contains_key(&(handler.as_str(), *number))
            });
            row.notes.push(format!(
                "{} events of `{handler}` went or wait where the operator's hand left them",
                numbers.len()
            ));
            gone.insert(handler, numbers);
        }
        account.gone = gone;
        account.into_row(row)
    }
}

/// How many take from a queue; none where there is no such queue.
async fn consumers(stranger: &Stranger, queue: &str) -> u32 {
    // The broker closes the channel on which one asks in vain.
    let Ok(channel) = stranger.connection().create_channel().await else {
        return 0;
    };
    let passive = QueueDeclareOptions::durable().passive();
    match channel
        .queue_declare(queue.into(), passive, FieldTable::default())
        .await
    {
        Ok(queue) => {
            let _ = channel.close(200, "OK".into()).await;
            queue.consumer_count()
        }
        Err(_) => 0,
    }
}

pub(super) async fn queue(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let stranger = Stranger::connect(&vhost.url()).await;
    let load = Load::on(&vhost.url())
        .per_second(stage.pick(400, 2_000))
        .patience(PATIENCE)
        // Retries of the time, back before their queue is.
        .with_orphans();
    let (mut traffic, mut row, mut gone) = (
        load.in_any_order().start(stage).await,
        stage.row(),
        Gone::default(),
    );
    for _ in 0..stage.times() {
        for handler in HANDLERS {
            let queue = format!("faults.{handler}");
            traffic.flows(stage.pick(300, 3_000)).await;
            let window = Window::open(&traffic, &[handler]);
            stranger.delete(&queue).await.expect("an operator may delete");
            until("someone takes from it again", async || {
                consumers(&stranger, &queue).await > 0
            })
            .await;
            // It was bound before anyone took from it, so from here on nothing is excused.
            window.close(&traffic, &mut gone);
            recovers(&mut traffic, &mut row, Duration::from_secs(5), HANDLERS).await;
        }
    }
    gone.into_row(traffic.settle().await, row)
}

pub(super) async fn delay_queue(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let stranger = Stranger::connect(&vhost.url()).await;
    let load = Load::on(&vhost.url())
        .per_second(stage.pick(400, 2_000))
        .patience(PATIENCE);
    let (mut traffic, mut row, mut gone) = (load.start(stage).await, stage.row(), Gone::default());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(500, 3_000)).await;
        let window = Window::open(&traffic, &["faltering"]);
        stranger
            .delete("faults.faltering.delay.50ms")
            .await
            .expect("an operator may delete");
        // Retries alone come by here, so what is published from now on waits for the queue and is not excused.
        window.close(&traffic, &mut gone);
        until("a retry declares it again", async || {
            stranger.depth("faults.faltering.delay.50ms").await.is_some()
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(5), HANDLERS).await;
    }
    gone.into_row(traffic.settle().await, row)
}

pub(super) async fn domain_exchange(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let stranger = Stranger::connect(&vhost.url()).await;
    let load = Load::on(&vhost.url())
        .per_second(stage.pick(400, 2_000))
        .patience(PATIENCE);
    let (mut traffic, mut row, mut gone) = (load.start(stage).await, stage.row(), Gone::default());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(300, 3_000)).await;
        let window = Window::open(&traffic, HANDLERS);
        stranger
            .delete_exchange("domain_events")
            .await
            .expect("an operator may delete");
        recovers(&mut traffic, &mut row, Duration::from_secs(10), HANDLERS).await;
        // Its own binding went, too.
        until("the witness is bound again", async || {
            stranger.bind(witness::QUEUE, "#", table(QUORUM)).await.is_ok()
        })
        .await;
        window.close(&traffic, &mut gone);
    }
    gone.into_row(traffic.settle().await, row)
}
