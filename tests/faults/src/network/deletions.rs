//! What an operator deletes with events in it.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::delays::{self, FIRST_RUNG};
use crate::gone::{Gone, PATIENCE, Window};
use crate::handlers::HANDLERS;
use crate::recovery::recovers;
use crate::row::Row;
use crate::soak::Field;
use crate::soak::service;
use crate::stage::Stage;
use crate::stranger::{QUORUM, Stranger, table};
use crate::traffic::Load;
use crate::wait::until;
use crate::witness;

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
            let window = Window::open(&mut traffic, &[handler]);
            stranger.delete(&queue).await.expect("an operator may delete");
            until("someone takes from it again", async || {
                consumers(&stranger, &queue).await > 0
            })
            .await;
            // It was bound before anyone took from it, so from here on nothing is excused.
            window.close(&traffic, &mut gone);
            recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
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
        let queue = delays::queue("faltering", FIRST_RUNG);
        let window = Window::open(&mut traffic, &["faltering"]);
        stranger.delete(&queue).await.expect("an operator may delete");
        // Retries alone come by here, so what is published from now on waits for the queue and is not excused.
        window.close(&traffic, &mut gone);
        until("a retry declares it again", async || {
            stranger.depth(&queue).await.is_some()
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
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
        let window = Window::open(&mut traffic, HANDLERS);
        stranger
            .delete_exchange("domain_events")
            .await
            .expect("an operator may delete");
        recovers(&mut traffic, &mut row, Duration::from_secs(20), HANDLERS).await;
        // Its own binding went, too.
        until("the witness is bound again", async || {
            stranger.bind(witness::QUEUE, "#", table(QUORUM)).await.is_ok()
        })
        .await;
        window.close(&traffic, &mut gone);
    }
    gone.into_row(traffic.settle().await, row)
}

/// Deletes the queue of one of a soak's handlers.
pub(super) async fn delete_queue(field: &mut Field) {
    let handler = field.one_of(service::HANDLERS);
    let (queue, stranger) = (format!("faults.{handler}"), field.stranger().await);
    let window = field.window(&[handler]);
    stranger.delete(&queue).await.expect("an operator may delete");
    until("someone takes from it again", async || {
        consumers(&stranger, &queue).await > 0
    })
    .await;
    field.close(window);
    field.recovers().await;
    // Retries that were back before their queue was.
    field.keep_orphans().await;
}

/// Deletes the queue of a soak's retries.
pub(super) async fn delete_delay_queue(field: &mut Field) {
    let stranger = field.stranger().await;
    let queue = delays::queue("faltering", FIRST_RUNG);
    let window = field.window(&["faltering"]);
    stranger.delete(&queue).await.expect("an operator may delete");
    field.close(window);
    until("a retry declares it again", async || {
        stranger.depth(&queue).await.is_some()
    })
    .await;
}

/// Deletes the exchange of all events.
pub(super) async fn delete_domain_exchange(field: &mut Field) {
    let (stranger, window) = (field.stranger().await, field.window(service::HANDLERS));
    stranger
        .delete_exchange("domain_events")
        .await
        .expect("an operator may delete");
    field.recovers().await;
    field.bind_witness().await;
    field.close(window);
}
