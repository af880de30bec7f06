//! What an operator does to a broker in use, by which no event goes.

use std::time::Duration;

use tidings::{App, Event, HandlerError, State, event_handler, handlers};
use tidings_broker::Node;
use tokio::time::Instant;

use crate::delays::{self, RETURN_EXCHANGE};
use crate::deleted_events::{DeletedEvents, DeletionWindow, PATIENCE};
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::HANDLERS;
use crate::harness::Harness;
use crate::recovery::{recovers, slowest};
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::traffic::{Load, Traffic};
use tidings_test_support::error_text;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::{blocking, until, within};

/// The file that the first traffic of a harness opens: an app that is there before its traffic writes into the same.
pub(super) const FIRST_NOTEBOOK: &str = "handler_log-1";

/// Of so many events the handler `faltering` fails one.
const RETRY_EVERY: usize = 50;

/// Usual traffic in a virtual host, at the pace of these faults.
pub(super) fn load(harness: &Harness, url: &str) -> Load {
    Load::on(url).per_second(harness.pick(400, 2_000))
}

/// Closes all connections to the node, in Erlang; `rabbitmqctl` does one thing at a start, which takes it a second.
pub(super) const CLOSE_ALL: &str =
    "[rabbit_networking:close_connection(Pid, \"by an operator\") || Pid <- rabbit_networking:connections()]";

/// Does these things on a node, in Erlang.
pub(super) async fn eval(node: &'static Node, expressions: &[&str]) {
    let all = format!("{}, ok.", expressions.join(", "));
    blocking(move || node.ctl(&["eval", &all]).expect("rabbitmqctl does it")).await;
}

/// Closes the connections of a soak.
pub(super) async fn close_all(target: &mut SoakTarget) {
    target.eval(&[CLOSE_ALL]).await;
}

/// Deletes the exchange of a soak's retries.
pub(super) async fn delete_delay_exchange(target: &mut SoakTarget) {
    let client = target.client().await;
    let exchange = delays::EXCHANGE;
    client
        .delete_exchange(exchange)
        .await
        .expect("an operator may delete");
    until("a retry declares it again", async || {
        client.has_exchange(exchange).await
    })
    .await;
}

/// Deletes the exchange by which a soak's retries come back; those that find it without bindings are kept.
pub(super) async fn delete_return_exchange(target: &mut SoakTarget) {
    let client = target.client().await;
    client
        .delete_exchange(RETURN_EXCHANGE)
        .await
        .expect("an operator may delete");
    until("it is declared again", async || {
        client.has_exchange(RETURN_EXCHANGE).await
    })
    .await;
    target.recovers().await;
    target.keep_orphans().await;
}

/// Publishes an event of a soak's that is larger than its broker takes.
pub(super) async fn publish_too_large(target: &mut SoakTarget) {
    let told = publish(&target.traffic, 200_000).await;
    target.row.check(told.contains("PRECONDITION_FAILED"), || {
        format!("the publisher is told {told}")
    });
}

/// Deletes a queue of a soak's dead letters; those that were in it are known.
pub(super) async fn delete_dead_letters(target: &mut SoakTarget) {
    target.keep_dead_letters().await;
    let (client, window) = (target.client().await, target.window(&["refusing"]));
    let queue = "faults.refusing.dlq";
    client.delete_queue(queue).await.expect("an operator may delete");
    target.close(window);
    until("a dead letter declares it again", async || {
        client.depth(queue).await.is_some()
    })
    .await;
}

/// Publishes one event with so much padding; what its publisher is told.
pub(super) async fn publish(traffic: &Traffic, padding: usize) -> String {
    let event = Noted {
        number: traffic.publish_log().start(),
        aggregate: "asks".to_owned(),
        padding: "x".repeat(padding),
    };
    let result = within("what the publisher is told", traffic.bus().publish(&event)).await;
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
        let exchange = delays::EXCHANGE;
        client
            .delete_exchange(exchange)
            .await
            .expect("an operator may delete");
        until("a retry declares it again", async || {
            client.has_exchange(exchange).await
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

pub(super) async fn return_exchange_deleted(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    // What cannot be dead-lettered is tried again after three minutes. The run is not to last that long.
    let setting = "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 3000)";
    eval(vhost.node(), &[setting]).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let load = load(harness, &vhost.url()).with_orphans();
    let (mut traffic, mut row, mut deleted) =
        (load.start(harness).await, harness.row(), DeletedEvents::default());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        let exchange = RETURN_EXCHANGE;
        client
            .delete_exchange(exchange)
            .await
            .expect("an operator may delete");
        let began = Instant::now();
        until("it is declared again", async || {
            client.has_exchange(exchange).await
        })
        .await;
        slowest(&mut row, "declared again", began.elapsed());
        row.check(began.elapsed() < Duration::from_secs(30), || {
            "it was not declared again within 30 s".to_owned()
        });
        // Until it has its bindings it sends what comes by to the orphans, who keep it.
        let published = traffic.publish_log().results().len();
        until("a retry of after its return is finished", async || {
            traffic.finished_by("faltering") > published + RETRY_EVERY
        })
        .await;
        let orphans = client
            .take("faults.orphans")
            .await
            .expect("the orphans can be taken");
        row.notes
            .push(format!("{} retries wait with the orphans", orphans.len()));
        deleted.know("faltering", &orphans);
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
        let told = publish(&traffic, 200_000).await;
        row.check(
            told.contains("PRECONDITION_FAILED") && told.contains("larger"),
            || format!("the publisher is told {told}"),
        );
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.finish().await.into_row(row)
}

/// Gives up on one event of twenty.
#[event_handler("fault.noted")]
async fn refusing(event: Event<Noted>, State(handler_log): State<HandlerLog>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(20) {
        return Err(HandlerError::reject("it is one of twenty"));
    }
    handler_log.record("refusing", event.number, event.id(), &event.aggregate);
    Ok(())
}

pub(super) async fn dead_letters_deleted(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let load = load(harness, &vhost.url())
        .handled_by("refusers", &["refusing"])
        .patience(PATIENCE);
    let bus = load.bus().await;
    let app = App::new("refusers")
        .state(HandlerLog::open(&harness.folder().join(FIRST_NOTEBOOK)))
        .handlers(handlers![refusing])
        .start(&bus)
        .await
        .expect("the app starts");
    let (mut traffic, mut row, mut deleted) =
        (load.start(harness).await, harness.row(), DeletedEvents::default());
    for _ in 0..harness.times() {
        traffic.flows(harness.pick(500, 3_000)).await;
        let window = DeletionWindow::open(&mut traffic, &["refusing"]);
        let queue = "refusers.refusing.dlq";
        client.delete_queue(queue).await.expect("an operator may delete");
        window.close(&traffic, &mut deleted);
        until("a dead letter declares it again", async || {
            client.depth(queue).await.is_some_and(|depth| depth > 0)
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), &["refusing"]).await;
    }
    let row = deleted.into_row(traffic.finish().await, row);
    app.shutdown().await.expect("the app ends");
    bus.close().await;
    row
}
