//! A delivery stays unacked until the broker has accepted the messages of its outcome.

use std::sync::Arc;
use std::time::Duration;

use tidings::testing::MemoryServer;
use tidings::{App, Bus, Declare, Delivery, HandlerError, RunningApp, State, event_handler, handlers};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};

use crate::handlers::{Paid, Placed, paid, placed, start};

const DEADLINE: Duration = Duration::from_secs(30);

/// A broker that can refuse messages, and the reports of the handlers.
#[derive(Clone)]
struct Harness {
    server: MemoryServer,
    reports: mpsc::UnboundedSender<String>,
    release: Arc<Notify>,
}

fn harness() -> (Harness, mpsc::UnboundedReceiver<String>) {
    let (reports, received_reports) = mpsc::unbounded_channel();
    let server = MemoryServer::new();
    let release = Arc::default();
    (
        Harness {
            server,
            reports,
            release,
        },
        received_reports,
    )
}

async fn next_report(received_reports: &mut mpsc::UnboundedReceiver<String>) -> String {
    timeout(DEADLINE, received_reports.recv())
        .await
        .expect("in time")
        .expect("a handler reports")
}

/// Waits until `target` has a message. Until then, the delivery must stay in `queue`.
async fn stays_unacked_until_published(server: &MemoryServer, queue: &str, target: &str) {
    timeout(Duration::from_mins(5), async {
        while server.messages(target).is_empty() {
            assert_eq!(server.messages(queue).len(), 1, "the delivery is unacked");
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the message is accepted");
}

#[event_handler]
async fn charge(order: Placed, State(harness): State<Harness>) -> Paid {
    harness.reports.send("charged".to_owned()).unwrap();
    harness.server.refuse_next("domain_events", 6);
    paid(&order.order, order.number)
}

#[event_handler]
async fn note(paid: Paid, State(harness): State<Harness>) {
    harness.reports.send(format!("noted {}", paid.order)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_returned_event_is_published_until_it_is_confirmed_and_the_handler_runs_once() {
    let (harness, mut received_reports) = harness();
    let bus = harness.server.bus(Bus::builder());
    let app = start!(&bus, harness, [charge, note]);
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "charged");
    assert_eq!(next_report(&mut received_reports).await, "noted o-1");
    app.shutdown().await.unwrap();
    assert!(received_reports.try_recv().is_err(), "the handler ran once");
}

#[event_handler(name = "refuse")]
async fn refuse(_: Placed, State(harness): State<Harness>) -> Result<(), HandlerError> {
    harness.reports.send("refused".to_owned()).unwrap();
    harness.server.refuse_next("shop.dead", 9);
    Err(HandlerError::reject("no such card"))
}

#[tokio::test(start_paused = true)]
async fn a_refused_dead_letter_keeps_its_delivery_unacked_and_the_health_gives_the_reason() {
    let (harness, mut received_reports) = harness();
    let server = harness.server.clone();
    let bus = server.bus(Bus::builder());
    let app = start!(&bus, harness, [refuse]);
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "refused");
    let mut troubles = Vec::new();
    timeout(Duration::from_mins(5), async {
        while server.messages("shop.refuse.dlq").is_empty() {
            assert_eq!(server.messages("shop.refuse").len(), 1, "the delivery is unacked");
            troubles.extend(
                app.health()
                    .handler("refuse")
                    .and_then(|health| health.trouble.clone()),
            );
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the message is accepted");
    assert!(
        troubles.iter().any(|why| why.contains("dead-letter queue")),
        "{troubles:?}"
    );
    app.shutdown().await.unwrap();
    assert!(server.messages("shop.refuse").is_empty());
    assert!(received_reports.try_recv().is_err(), "the handler ran once");
}

#[event_handler(name = "fail_once", retry(attempts = 2, rungs = "1s"))]
async fn fail_once(
    _: Placed,
    delivery: Delivery,
    State(harness): State<Harness>,
) -> Result<(), HandlerError> {
    harness
        .reports
        .send(format!("attempt {}", delivery.attempt()))
        .unwrap();
    if delivery.attempt() == 2 {
        return Ok(());
    }
    harness.server.refuse_next("shop.delay", 9);
    Err(HandlerError::retry("not yet"))
}

#[tokio::test(start_paused = true)]
async fn a_refused_retry_keeps_its_delivery_unacked() {
    let (harness, mut received_reports) = harness();
    let server = harness.server.clone();
    let bus = server.bus(Bus::builder());
    let app = start!(&bus, harness, [fail_once]);
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "attempt 1");
    stays_unacked_until_published(&server, "shop.fail_once", "shop.fail_once.delay.1s").await;
    assert_eq!(next_report(&mut received_reports).await, "attempt 2");
    app.shutdown().await.unwrap();
}

#[event_handler(name = "again", retry(attempts = 2, rungs = "1s"))]
async fn again(_: Placed, delivery: Delivery, State(harness): State<Harness>) -> Result<(), HandlerError> {
    let attempt = delivery.attempt();
    harness.reports.send(format!("attempt {attempt}")).unwrap();
    if attempt == 2 {
        return Ok(());
    }
    Err(HandlerError::retry("not yet"))
}

/// A quorum queue loses its messages when its node is killed right after the declaration.
#[tokio::test(start_paused = true)]
async fn a_delay_queue_is_declared_at_first_use_and_keeps_the_delivery_unacked_while_it_is_new() {
    const FRESH: Duration = Duration::from_secs(10);
    let (reports, mut received_reports) = mpsc::unbounded_channel();
    let server = MemoryServer::with_fresh_queues_for(FRESH);
    let harness = Harness {
        server: server.clone(),
        reports,
        release: Arc::default(),
    };
    let bus = server.bus(Bus::builder());
    let app = start!(&bus, harness, [again]);
    assert!(
        !server.delete_queue("shop.again.delay.1s"),
        "no delivery has failed yet"
    );
    let began = Instant::now();
    let await_unacked = async |count: usize| {
        timeout(DEADLINE, async {
            while server.messages("shop.again").len() != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{count} unacked deliveries"));
    };
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "attempt 1");
    assert_eq!(next_report(&mut received_reports).await, "attempt 2");
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "the retry does not wait"
    );
    await_unacked(1).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "only the first attempt stays unacked"
    );
    await_unacked(0).await;
    assert!(began.elapsed() >= FRESH, "{:?}", began.elapsed());

    let began = Instant::now();
    bus.publish(&placed("o-2", 2)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "attempt 1");
    await_unacked(0).await;
    assert_eq!(server.messages("shop.again.delay.1s").len(), 1);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "the queue is old enough now"
    );
    assert_eq!(next_report(&mut received_reports).await, "attempt 2");

    assert!(server.delete_queue("shop.again.delay.1s"));
    bus.publish(&placed("o-3", 3)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "attempt 1");
    assert_eq!(next_report(&mut received_reports).await, "attempt 2");
    await_unacked(1).await;
    app.shutdown().await.unwrap();
    assert!(server.messages("shop.again").is_empty());
}

/// An app that may not declare queues does not start when a delay queue is missing.
#[tokio::test(start_paused = true)]
async fn with_verify_the_delay_queues_must_exist_before_the_start() {
    let (harness, mut received_reports) = harness();
    let server = harness.server.clone();
    let app = || App::new("shop").state(harness.clone()).handlers(handlers![again]);
    let (declares, verifies) = (
        server.bus(Bus::builder()),
        server.bus(Bus::builder().declare(Declare::Verify)),
    );
    app().start(&declares).await.unwrap().shutdown().await.unwrap();
    let error = app().start(&verifies).await.unwrap_err();
    assert!(error.to_string().contains("`shop.again.delay.1s`"), "{error}");
    assert!(app().declare(&verifies).await.is_err(), "nothing is declared");
    app().declare(&declares).await.unwrap();
    for bus in [verifies, server.bus(Bus::builder().declare(Declare::Off))] {
        let app = app().start(&bus).await.unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(next_report(&mut received_reports).await, "attempt 1");
        assert_eq!(next_report(&mut received_reports).await, "attempt 2");
        app.shutdown().await.unwrap();
    }
}

#[event_handler(name = "rejecting")]
async fn rejecting(_: Placed, State(harness): State<Harness>) -> Result<(), HandlerError> {
    assert!(harness.server.delete_queue("shop.rejecting.dlq"));
    harness.reports.send("rejected".to_owned()).unwrap();
    Err(HandlerError::reject("no such card"))
}

#[tokio::test(start_paused = true)]
async fn a_deleted_dead_letter_queue_keeps_the_delivery_unacked_until_it_exists_again() {
    let (harness, mut received_reports) = harness();
    let server = harness.server.clone();
    let bus = server.bus(Bus::builder());
    let app = start!(&bus, harness, [rejecting]);
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "rejected");
    stays_unacked_until_published(&server, "shop.rejecting", "shop.rejecting.dlq").await;
    app.shutdown().await.unwrap();
    assert!(server.messages("shop.rejecting").is_empty());
}

#[event_handler(name = "linger", concurrency = 1)]
async fn linger(order: Placed, State(harness): State<Harness>) {
    harness.reports.send(format!("started {}", order.number)).unwrap();
    if order.number == 1 {
        harness.release.notified().await;
        harness.reports.send("ended 1".to_owned()).unwrap();
    }
}

#[tokio::test]
async fn a_run_past_the_hold_limit_goes_on_and_is_not_repeated() {
    let (harness, mut received_reports) = harness();
    let bus = harness
        .server
        .bus(Bus::builder().hold_limit(Duration::from_millis(300)));
    let app = start!(&bus, harness, [linger]);
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "started 1");
    bus.publish(&placed("o-2", 2)).await.unwrap();
    // The second event has a place only after the session of the first has ended.
    assert_eq!(next_report(&mut received_reports).await, "started 2");
    harness.release.notify_one();
    assert_eq!(next_report(&mut received_reports).await, "ended 1");
    app.shutdown().await.unwrap();
    assert!(received_reports.try_recv().is_err(), "each event ran once");
    assert!(harness.server.messages("shop.linger").is_empty());
}

#[event_handler(name = "refused")]
async fn refused(order: Placed, State(harness): State<Harness>) -> Paid {
    harness.reports.send(format!("ran {}", order.number)).unwrap();
    harness.server.refuse_next("domain_events", usize::MAX);
    paid(&order.order, order.number)
}

/// Waits until the handler cannot publish the event that it returned.
async fn until_refused(app: &RunningApp) {
    let refused = async {
        while app.health().handlers[0].trouble.is_none() {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_mins(5), refused).await.expect("in time");
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_event_is_not_published_yet_does_not_run_again_after_a_lost_connection() {
    let (harness, mut received_reports) = harness();
    let bus = harness.server.bus(Bus::builder());
    let app = start!(&bus, harness, [refused, note]);
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "ran 1");
    until_refused(&app).await;
    for _ in 0..3 {
        harness.server.go_down();
        harness.server.come_back();
    }
    harness.server.refuse_next("domain_events", 0);
    assert_eq!(next_report(&mut received_reports).await, "noted o-1");
    app.shutdown().await.unwrap();
    assert!(received_reports.try_recv().is_err(), "the handler ran once");
    assert!(harness.server.messages("shop.refused").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_leaves_an_event_that_cannot_be_published_to_the_next_run_of_its_handler() {
    let (harness, mut received_reports) = harness();
    let bus = harness.server.bus(Bus::builder());
    let app = start!(&bus, harness, [refused]);
    let idle = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(next_report(&mut received_reports).await, "ran 1");
    until_refused(&app).await;
    let started = Instant::now();
    app.shutdown().await.unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(tasks < idle, "{tasks} tasks, {idle} with a running app");
    assert_eq!(harness.server.messages("shop.refused").len(), 1);
}
