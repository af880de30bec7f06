//! An operator deletes queues with their events, and the exchange of all events.

use std::time::Duration;

use super::operator::load;
use crate::delays::{self, FIRST_RUNG};
use crate::deleted_events::{DeletedEvents, DeletionWindow, PATIENCE};
use crate::handlers::HANDLERS;
use crate::harness::Harness;
use crate::recorder;
use crate::recovery::recovers;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::soak::service;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::until;

pub(super) async fn queue(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let load = load(harness, &vhost.url())
        .patience(PATIENCE)
        // Retries may return before their queue exists again.
        .with_orphans();
    let (mut traffic, mut row, mut deleted) = (
        load.in_any_order().start(harness).await,
        harness.row(),
        DeletedEvents::default(),
    );
    for _ in 0..harness.times() {
        for handler in HANDLERS {
            let queue = format!("faults.{handler}");
            traffic.flows(harness.pick(300, 3_000)).await;
            let window = DeletionWindow::open(&mut traffic, &[handler]);
            client.delete_queue(&queue).await.expect("the deletion succeeds");
            until("the queue is consumed again", async || {
                client.consumers(&queue).await > Some(0)
            })
            .await;
            // The service binds a queue before it consumes it. From here on, a missing event counts as lost.
            window.close(&traffic, &mut deleted);
            recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
        }
    }
    deleted.into_row(traffic.finish().await, row)
}

pub(super) async fn delay_queue(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let load = load(harness, &vhost.url()).patience(PATIENCE);
    let (mut traffic, mut row, mut deleted) =
        (load.start(harness).await, harness.row(), DeletedEvents::default());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        let queue = delays::queue("faltering", FIRST_RUNG);
        let window = DeletionWindow::open(&mut traffic, &["faltering"]);
        client.delete_queue(&queue).await.expect("the deletion succeeds");
        // Only retries use this queue. A later retry waits until the queue exists, so it must not be missing.
        window.close(&traffic, &mut deleted);
        until("a retry declares the delay queue again", async || {
            client.depth(&queue).await.is_some()
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    deleted.into_row(traffic.finish().await, row)
}

pub(super) async fn domain_exchange(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let load = load(harness, &vhost.url()).patience(PATIENCE);
    let (mut traffic, mut row, mut deleted) =
        (load.start(harness).await, harness.row(), DeletedEvents::default());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(300, 3_000)).await;
        let window = DeletionWindow::open(&mut traffic, HANDLERS);
        client
            .delete_exchange("domain_events")
            .await
            .expect("the deletion succeeds");
        recovers(&mut traffic, &mut row, Duration::from_secs(20), HANDLERS).await;
        // The binding of the recorder was deleted too.
        recorder::bind_again(&client).await;
        window.close(&traffic, &mut deleted);
    }
    deleted.into_row(traffic.finish().await, row)
}

/// Deletes the queue of a handler of a soak.
pub(super) async fn delete_queue(target: &mut SoakTarget) {
    let handler = target.one_of(service::HANDLERS);
    let (queue, client) = (format!("faults.{handler}"), target.client().await);
    let window = target.window(&[handler]);
    client.delete_queue(&queue).await.expect("the deletion succeeds");
    until("the queue is consumed again", async || {
        client.consumers(&queue).await > Some(0)
    })
    .await;
    target.close(window);
    target.recovers().await;
    // Retries may have returned before their queue existed again.
    target.keep_orphans().await;
}

/// Deletes a delay queue of a soak.
pub(super) async fn delete_delay_queue(target: &mut SoakTarget) {
    let client = target.client().await;
    let queue = delays::queue("faltering", FIRST_RUNG);
    let window = target.window(&["faltering"]);
    client.delete_queue(&queue).await.expect("the deletion succeeds");
    target.close(window);
    until("a retry declares the delay queue again", async || {
        client.depth(&queue).await.is_some()
    })
    .await;
}

/// Deletes the event exchange of a soak.
pub(super) async fn delete_domain_exchange(target: &mut SoakTarget) {
    let (client, window) = (target.client().await, target.window(service::HANDLERS));
    client
        .delete_exchange("domain_events")
        .await
        .expect("the deletion succeeds");
    target.recovers().await;
    recorder::bind_again(&client).await;
    target.close(window);
}
