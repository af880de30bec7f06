//! An operator closes connections and deletes exchanges or dead letters, but no other events.

use std::time::Duration;

use tidings::{App, Event, HandlerError, State, event_handler, handlers};
use tidings_broker::Node;
use tokio::time::Instant;

use crate::delays::{self, RETURN_EXCHANGE};
use crate::deleted_events::{DeletedEvents, DeletionWindow, PATIENCE};
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::HANDLERS;
use crate::harness::{FIRST_HANDLER_LOG, Harness};
use crate::recovery::{recovers, slowest};
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::{Load, Traffic};
use tidings_test_support::error_text;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{blocking, until, within};

/// The handler `faltering` fails one event in this many.
const RETRY_EVERY: usize = 50;

/// The default traffic at the rate of these faults.
pub(super) fn load(harness: &Harness, url: &str) -> Load {
    Load::on(url).per_second(harness.pick(400, 2_000))
}

/// Erlang code that closes all connections. One `eval` runs several expressions, so `rabbitmqctl` starts only once.
pub(super) const CLOSE_ALL: &str =
    "[rabbit_networking:close_connection(Pid, \"by an operator\") || Pid <- rabbit_networking:connections()]";

/// Runs Erlang code on a node.
pub(super) async fn eval(node: &'static Node, expressions: &[&str]) {
    let all = format!("{}, ok.", expressions.join(", "));
    blocking(move || node.ctl(&["eval", &all]).expect("rabbitmqctl succeeds")).await;
}

/// Closes all connections of a soak.
pub(super) async fn close_all(target: &mut SoakTarget) {
    target.eval(&[CLOSE_ALL]).await;
}

/// Deletes the delay exchange of a soak.
pub(super) async fn delete_delay_exchange(target: &mut SoakTarget) {
    delete_exchange(&target.client().await, delays::EXCHANGE).await;
}

/// Deletes an exchange and waits until the service declares it again.
async fn delete_exchange(client: &ForeignClient, exchange: &str) {
    client
        .delete_exchange(exchange)
        .await
        .expect("the deletion succeeds");
    until("the exchange is declared again", async || {
        client.has_exchange(exchange).await
    })
    .await;
}

/// Deletes the return exchange of a soak. Retries that reach it without bindings go to the orphans queue.
pub(super) async fn delete_return_exchange(target: &mut SoakTarget) {
    delete_exchange(&target.client().await, RETURN_EXCHANGE).await;
    target.recovers().await;
    target.keep_orphans().await;
}

/// Publishes an event that is larger than the broker of a soak accepts.
pub(super) async fn publish_too_large(target: &mut SoakTarget) {
    let error = publish(&target.traffic, 200_000).await;
    target.row.check(error.contains("PRECONDITION_FAILED"), || {
        format!("the error of the publish is {error}")
    });
}

/// Reads the dead letters of a soak, then deletes one of its dead-letter queues.
pub(super) async fn delete_dead_letters(target: &mut SoakTarget) {
    target.keep_dead_letters().await;
    let (client, window) = (target.client().await, target.window(&["rejecting"]));
    let queue = "faults.rejecting.dlq";
    client.delete_queue(queue).await.expect("the deletion succeeds");
    target.close(window);
    until("a dead letter declares the queue again", async || {
        client.depth(queue).await.is_some()
    })
    .await;
}

/// Publishes one event with this much padding. Returns the error text, or `Ok`.
pub(super) async fn publish(traffic: &Traffic, padding: usize) -> String {
    let event = Noted {
        number: traffic.publish_log().start(),
        aggregate: "single".to_owned(),
        padding: "x".repeat(padding),
    };
    let result = within("the result of a publish", traffic.bus().publish(&event)).await;
    traffic.publish_log().record(event.number, &result);
    result.map_or_else(|error| error_text(&error), |_| "Ok".to_owned())
}

pub(super) async fn connections_closed(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let (mut traffic, mut row) = (load(harness, &vhost.url()).start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        eval(vhost.node(), &[CLOSE_ALL]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn delay_exchange_deleted(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let (mut traffic, mut row) = (load(harness, &vhost.url()).start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        delete_exchange(&client, delays::EXCHANGE).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn return_exchange_deleted(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    // By default the broker retries a failed dead-lettering after three minutes, which is too long for this run.
    let setting = "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 3000)";
    eval(vhost.node(), &[setting]).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let load = load(harness, &vhost.url()).with_orphans();
    let (mut traffic, mut row, mut deleted) =
        (load.start(harness).await, harness.row(), DeletedEvents::default());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        let began = Instant::now();
        delete_exchange(&client, RETURN_EXCHANGE).await;
        slowest(&mut row, "declared again", began.elapsed());
        row.check(began.elapsed() < Duration::from_secs(30), || {
            "the return exchange was not declared again within 30 s".to_owned()
        });
        // The return exchange routes retries to the orphans queue while it has no bindings.
        let published = traffic.publish_log().results().len();
        until("a later retry is finished", async || {
            traffic.finished_by("faltering") > published + RETRY_EVERY
        })
        .await;
        let orphans = client
            .take("faults.orphans")
            .await
            .expect("the orphans queue can be read");
        row.notes
            .push(format!("{} retries are in the orphans queue", orphans.len()));
        deleted.add_orphans("faltering", &orphans);
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    deleted.into_row(traffic.finish().await, row)
}

pub(super) async fn too_large(harness: &Harness) -> Row {
    let node = harness
        .node_of(harness.setup().conf("max_message_size = 100000"))
        .await;
    let (mut traffic, mut row) = (load(harness, &node.url()).start(harness).await, harness.row());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(100, 1_000)).await;
        let error = publish(&traffic, 200_000).await;
        row.check(
            error.contains("PRECONDITION_FAILED") && error.contains("larger"),
            || format!("the error of the publish is {error}"),
        );
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

/// Dead-letters every 20th event.
#[event_handler("fault.noted")]
async fn rejecting(event: Event<Noted>, State(handler_log): State<HandlerLog>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(20) {
        return Err(HandlerError::reject("it is rejected"));
    }
    handler_log.record("rejecting", event.number, event.id(), &event.aggregate);
    Ok(())
}

pub(super) async fn dead_letters_deleted(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let load = load(harness, &vhost.url())
        .handled_by("rejecters", &["rejecting"])
        .patience(PATIENCE);
    let bus = load.bus().await;
    let app = App::new("rejecters")
        .state(HandlerLog::open(&harness.folder().join(FIRST_HANDLER_LOG)))
        .handlers(handlers![rejecting])
        .start(&bus)
        .await
        .expect("the app starts");
    let (mut traffic, mut row, mut deleted) =
        (load.start(harness).await, harness.row(), DeletedEvents::default());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        let window = DeletionWindow::open(&mut traffic, &["rejecting"]);
        let queue = "rejecters.rejecting.dlq";
        client.delete_queue(queue).await.expect("the deletion succeeds");
        window.close(&traffic, &mut deleted);
        until("a dead letter declares the queue again", async || {
            client.depth(queue).await.is_some_and(|depth| depth > 0)
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), &["rejecting"]).await;
    }
    let row = deleted.into_row(traffic.finish().await, row);
    app.shutdown().await.expect("the app ends");
    bus.close().await;
    row
}
