//! What an operator does to a broker in use, by which no event goes.

use std::time::Duration;

use tidings::{App, Event, HandlerError, State, event_handler, handlers};
use tidings_broker::Node;
use tokio::time::Instant;

use crate::delays::{self, RETURN_EXCHANGE};
use crate::event::Noted;
use crate::gone::{Gone, PATIENCE, Window};
use crate::handlers::HANDLERS;
use crate::notebook::Notebook;
use crate::recovery::{recovers, slowest, text};
use crate::row::Row;
use crate::soak::Field;
use crate::stage::Stage;
use crate::stranger::Stranger;
use crate::traffic::{Load, Traffic};
use crate::wait::{blocking, until, within};

/// The file that the first traffic of a stage opens: an app that is there before its traffic writes into the same.
pub(super) const FIRST_NOTEBOOK: &str = "notebook-1";

/// Of so many events the handler `faltering` fails one.
const RETRY_EVERY: usize = 50;

/// Usual traffic in a virtual host, at the pace of these faults.
pub(super) fn load(stage: &Stage, url: &str) -> Load {
    Load::on(url).per_second(stage.pick(400, 2_000))
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
pub(super) async fn close_all(field: &mut Field) {
    field.eval(&[CLOSE_ALL]).await;
}

/// Deletes the exchange of a soak's retries.
pub(super) async fn delete_delay_exchange(field: &mut Field) {
    let stranger = field.stranger().await;
    let exchange = delays::EXCHANGE;
    stranger
        .delete_exchange(exchange)
        .await
        .expect("an operator may delete");
    until("a retry declares it again", async || {
        stranger.has_exchange(exchange).await
    })
    .await;
}

/// Deletes the exchange by which a soak's retries come back; those that find it without bindings are kept.
pub(super) async fn delete_return_exchange(field: &mut Field) {
    let stranger = field.stranger().await;
    stranger
        .delete_exchange(RETURN_EXCHANGE)
        .await
        .expect("an operator may delete");
    until("it is declared again", async || {
        stranger.has_exchange(RETURN_EXCHANGE).await
    })
    .await;
    field.recovers().await;
    field.keep_orphans().await;
}

/// Publishes an event of a soak's that is larger than its broker takes.
pub(super) async fn publish_too_large(field: &mut Field) {
    let told = publish(&field.traffic, 200_000).await;
    field.row.check(told.contains("PRECONDITION_FAILED"), || {
        format!("the publisher is told {told}")
    });
}

/// Deletes a queue of a soak's dead letters; those that were in it are known.
pub(super) async fn delete_dead_letters(field: &mut Field) {
    field.keep_dead_letters().await;
    let (stranger, window) = (field.stranger().await, field.window(&["refusing"]));
    let queue = "faults.refusing.dlq";
    stranger.delete(queue).await.expect("an operator may delete");
    field.close(window);
    until("a dead letter declares it again", async || {
        stranger.depth(queue).await.is_some()
    })
    .await;
}

/// Publishes one event with so much room; what its publisher is told.
pub(super) async fn publish(traffic: &Traffic, room: usize) -> String {
    let event = Noted {
        number: traffic.book().open(),
        line: "asks".to_owned(),
        room: "x".repeat(room),
    };
    let result = within("what the publisher is told", traffic.bus().publish(&event)).await;
    traffic.book().close(event.number, &result);
    result.map_or_else(|error| text(&error), |_| "Ok".to_owned())
}

pub(super) async fn connections_closed(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let (mut traffic, mut row) = (load(stage, &vhost.url()).start(stage).await, stage.row());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(500, 3_000)).await;
        eval(vhost.node(), &[CLOSE_ALL]).await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.settle().await.into_row(row)
}

pub(super) async fn delay_exchange_deleted(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let stranger = Stranger::connect(&vhost.url()).await;
    let (mut traffic, mut row) = (load(stage, &vhost.url()).start(stage).await, stage.row());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(500, 3_000)).await;
        let exchange = delays::EXCHANGE;
        stranger
            .delete_exchange(exchange)
            .await
            .expect("an operator may delete");
        until("a retry declares it again", async || {
            stranger.has_exchange(exchange).await
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.settle().await.into_row(row)
}

pub(super) async fn return_exchange_deleted(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    // What cannot be dead-lettered is tried again after three minutes. The run is not to last that long.
    let setting = "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 3000)";
    eval(vhost.node(), &[setting]).await;
    let stranger = Stranger::connect(&vhost.url()).await;
    let load = load(stage, &vhost.url()).with_orphans();
    let (mut traffic, mut row, mut gone) = (load.start(stage).await, stage.row(), Gone::default());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(500, 3_000)).await;
        let exchange = RETURN_EXCHANGE;
        stranger
            .delete_exchange(exchange)
            .await
            .expect("an operator may delete");
        let began = Instant::now();
        until("it is declared again", async || {
            stranger.has_exchange(exchange).await
        })
        .await;
        slowest(&mut row, "declared again", began.elapsed());
        row.check(began.elapsed() < Duration::from_secs(30), || {
            "it was not declared again within 30 s".to_owned()
        });
        // Until it has its bindings it sends what comes by to the orphans, who keep it.
        let published = traffic.book().read().len();
        until("a retry of after its return is finished", async || {
            traffic.finished_by("faltering") > published + RETRY_EVERY
        })
        .await;
        let orphans = stranger
            .take("faults.orphans")
            .await
            .expect("the orphans can be taken");
        row.notes
            .push(format!("{} retries wait with the orphans", orphans.len()));
        gone.know("faltering", &orphans);
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    gone.into_row(traffic.settle().await, row)
}

pub(super) async fn too_large(stage: &Stage) -> Row {
    let node = stage
        .node_of(stage.setup().conf("max_message_size = 100000"))
        .await;
    let (mut traffic, mut row) = (load(stage, &node.url()).start(stage).await, stage.row());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(100, 1_000)).await;
        let told = publish(&traffic, 200_000).await;
        row.check(
            told.contains("PRECONDITION_FAILED") && told.contains("larger"),
            || format!("the publisher is told {told}"),
        );
        recovers(&mut traffic, &mut row, Duration::from_secs(15), HANDLERS).await;
    }
    traffic.settle().await.into_row(row)
}

/// Gives up on one event of twenty.
#[event_handler("fault.noted")]
async fn refusing(event: Event<Noted>, State(notebook): State<Notebook>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(20) {
        return Err(HandlerError::reject("it is one of twenty"));
    }
    notebook.note("refusing", event.number, event.id(), &event.line);
    Ok(())
}

pub(super) async fn dead_letters_deleted(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let stranger = Stranger::connect(&vhost.url()).await;
    let load = load(stage, &vhost.url())
        .handled_by("refusers", &["refusing"])
        .patience(PATIENCE);
    let bus = load.bus().await;
    let app = App::new("refusers")
        .state(Notebook::open(&stage.folder().join(FIRST_NOTEBOOK)))
        .handlers(handlers![refusing])
        .start(&bus)
        .await
        .expect("the app starts");
    let (mut traffic, mut row, mut gone) = (load.start(stage).await, stage.row(), Gone::default());
    for _ in 0..stage.times() {
        traffic.flows(stage.pick(500, 3_000)).await;
        let window = Window::open(&mut traffic, &["refusing"]);
        let queue = "refusers.refusing.dlq";
        stranger.delete(queue).await.expect("an operator may delete");
        window.close(&traffic, &mut gone);
        until("a dead letter declares it again", async || {
            stranger.depth(queue).await.is_some_and(|depth| depth > 0)
        })
        .await;
        recovers(&mut traffic, &mut row, Duration::from_secs(15), &["refusing"]).await;
    }
    let row = gone.into_row(traffic.settle().await, row);
    app.shutdown().await.expect("the app ends");
    bus.close().await;
    row
}
