//! What becomes of a delivery while the broker does not take what its outcome asks for.

use std::future::pending;
use std::time::Duration;

use tidings::testing::MemoryServer;
use tidings::{App, Bus, Declare, Delivery, HandlerError, State, event_handler, handlers};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::handlers::{Paid, Placed, paid, placed};

const DEADLINE: Duration = Duration::from_secs(30);

/// A broker to trouble, and where the handlers tell what they do.
#[derive(Clone)]
struct Stage {
    server: MemoryServer,
    told: mpsc::UnboundedSender<String>,
}

fn stage() -> (Stage, mpsc::UnboundedReceiver<String>) {
    let (told, heard) = mpsc::unbounded_channel();
    let server = MemoryServer::new();
    (Stage { server, told }, heard)
}

async fn hear(heard: &mut mpsc::UnboundedReceiver<String>) -> String {
    timeout(DEADLINE, heard.recv())
        .await
        .expect("in time")
        .expect("a handler tells")
}

#[event_handler]
async fn charge(order: Placed, State(stage): State<Stage>) -> Paid {
    stage.told.send("charged".to_owned()).unwrap();
    stage.server.refuse_next("domain_events", 6);
    paid(&order.order, order.number)
}

#[event_handler]
async fn note(paid: Paid, State(stage): State<Stage>) {
    stage.told.send(format!("noted {}", paid.order)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_returned_is_tried_on_until_it_is_taken_and_the_handler_runs_once() {
    let (stage, mut heard) = stage();
    let bus = stage.server.bus(Bus::builder());
    let app = App::new("shop")
        .state(stage)
        .handlers(handlers![charge, note])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "charged");
    assert_eq!(hear(&mut heard).await, "noted o-1");
    app.shutdown().await.unwrap();
    assert!(heard.try_recv().is_err(), "the handler ran once");
}

#[event_handler(name = "refuse")]
async fn refuse(_: Placed, State(stage): State<Stage>) -> Result<(), HandlerError> {
    stage.told.send("refused".to_owned()).unwrap();
    stage.server.refuse_next("shop.dead", 9);
    Err(HandlerError::reject("no such card"))
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_not_taken_keeps_its_delivery_and_the_health_says_why() {
    let (stage, mut heard) = stage();
    let server = stage.server.clone();
    let bus = server.bus(Bus::builder());
    let app = App::new("shop")
        .state(stage)
        .handlers(handlers![refuse])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "refused");
    let mut troubles = Vec::new();
    timeout(Duration::from_mins(5), async {
        while server.messages("shop.refuse.dlq").is_empty() {
            assert_eq!(
                server.messages("shop.refuse").len(),
                1,
                "unsettled until its dead letter is taken"
            );
            troubles.extend(
                app.health()
                    .handler("refuse")
                    .and_then(|health| health.trouble.clone()),
            );
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("it is taken at last");
    assert!(
        troubles.iter().any(|why| why.contains("dead-letter queue")),
        "{troubles:?}"
    );
    app.shutdown().await.unwrap();
    assert!(server.messages("shop.refuse").is_empty());
    assert!(heard.try_recv().is_err(), "the handler ran once");
}

#[event_handler(name = "stumble", retry(attempts = 2, rungs = "1s"))]
async fn stumble(_: Placed, delivery: Delivery, State(stage): State<Stage>) -> Result<(), HandlerError> {
    stage
        .told
        .send(format!("attempt {}", delivery.attempt()))
        .unwrap();
    if delivery.attempt() == 2 {
        return Ok(());
    }
    stage.server.refuse_next("shop.delay", 9);
    Err(HandlerError::retry("not yet"))
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_not_taken_keeps_its_delivery() {
    let (stage, mut heard) = stage();
    let server = stage.server.clone();
    let bus = server.bus(Bus::builder());
    let app = App::new("shop")
        .state(stage)
        .handlers(handlers![stumble])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "attempt 1");
    timeout(Duration::from_mins(5), async {
        while server.messages("shop.stumble.delay.1s").is_empty() {
            assert_eq!(
                server.messages("shop.stumble").len(),
                1,
                "unsettled until its retry is taken"
            );
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("it is taken at last");
    assert_eq!(hear(&mut heard).await, "attempt 2");
    app.shutdown().await.unwrap();
}

#[event_handler(name = "again", retry(attempts = 2, rungs = "1s"))]
async fn again(_: Placed, delivery: Delivery, State(stage): State<Stage>) -> Result<(), HandlerError> {
    let attempt = delivery.attempt();
    stage.told.send(format!("attempt {attempt}")).unwrap();
    if attempt == 2 {
        return Ok(());
    }
    Err(HandlerError::retry("not yet"))
}

/// A quorum queue whose node is killed right after it was declared comes back empty.
#[tokio::test(start_paused = true)]
async fn a_delay_is_declared_at_first_use_and_its_delivery_kept_until_it_is_to_be_trusted() {
    const FRESH: Duration = Duration::from_secs(10);
    let (told, mut heard) = mpsc::unbounded_channel();
    let server = MemoryServer::with_fresh_queues_for(FRESH);
    let stage = Stage {
        server: server.clone(),
        told,
    };
    let bus = server.bus(Bus::builder());
    let app = App::new("shop").state(stage).handlers(handlers![again]);
    let app = app.start(&bus).await.unwrap();
    assert!(
        !server.delete_queue("shop.again.delay.1s"),
        "nothing has failed yet"
    );
    let began = Instant::now();
    let has = async |count: usize| {
        timeout(DEADLINE, async {
            while server.messages("shop.again").len() != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{count} are held"));
    };
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "attempt 1");
    assert_eq!(hear(&mut heard).await, "attempt 2");
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "the retry does not wait for it"
    );
    has(1).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "the first attempt alone is kept"
    );
    has(0).await;
    assert!(began.elapsed() >= FRESH, "{:?}", began.elapsed());

    let began = Instant::now();
    bus.publish(&placed("o-2", 2)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "attempt 1");
    has(0).await;
    assert_eq!(server.messages("shop.again.delay.1s").len(), 1);
    assert!(began.elapsed() < Duration::from_secs(1), "it is old enough now");
    assert_eq!(hear(&mut heard).await, "attempt 2");

    assert!(server.delete_queue("shop.again.delay.1s"));
    bus.publish(&placed("o-3", 3)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "attempt 1");
    assert_eq!(hear(&mut heard).await, "attempt 2");
    has(1).await;
    app.shutdown().await.unwrap();
    assert!(server.messages("shop.again").is_empty());
}

/// Who makes nothing finds all that a retry may need, or does not start.
#[tokio::test(start_paused = true)]
async fn delays_that_are_verified_are_declared_before_the_start() {
    let (stage, mut heard) = stage();
    let server = stage.server.clone();
    let app = || App::new("shop").state(stage.clone()).handlers(handlers![again]);
    let (makes, looks) = (
        server.bus(Bus::builder()),
        server.bus(Bus::builder().declare(Declare::Verify)),
    );
    app().start(&makes).await.unwrap().shutdown().await.unwrap();
    let error = app().start(&looks).await.unwrap_err();
    assert!(error.to_string().contains("`shop.again.delay.1s`"), "{error}");
    assert!(app().declare(&looks).await.is_err(), "it makes nothing");
    app().declare(&makes).await.unwrap();
    for bus in [looks, server.bus(Bus::builder().declare(Declare::Off))] {
        let app = app().start(&bus).await.unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "attempt 1");
        assert_eq!(hear(&mut heard).await, "attempt 2");
        app.shutdown().await.unwrap();
    }
}

#[event_handler(name = "bury")]
async fn bury(_: Placed, State(stage): State<Stage>) -> Result<(), HandlerError> {
    assert!(stage.server.delete_queue("shop.bury.dlq"));
    stage.told.send("buried".to_owned()).unwrap();
    Err(HandlerError::reject("no such card"))
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_whose_queue_is_gone_is_kept_until_there_is_one_again() {
    let (stage, mut heard) = stage();
    let server = stage.server.clone();
    let bus = server.bus(Bus::builder());
    let app = App::new("shop")
        .state(stage)
        .handlers(handlers![bury])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "buried");
    timeout(Duration::from_mins(5), async {
        while server.messages("shop.bury.dlq").is_empty() {
            assert_eq!(
                server.messages("shop.bury").len(),
                1,
                "unsettled until its dead letter is taken"
            );
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("its queue is declared again, and takes it");
    app.shutdown().await.unwrap();
    assert!(server.messages("shop.bury").is_empty());
}

#[event_handler(name = "linger")]
async fn linger(_: Placed, delivery: Delivery, State(stage): State<Stage>) {
    stage
        .told
        .send(format!(
            "attempt {}, again {}",
            delivery.attempt(),
            delivery.redelivered()
        ))
        .unwrap();
    if !delivery.redelivered() {
        pending::<()>().await;
    }
}

#[tokio::test]
async fn a_delivery_that_is_held_too_long_returns_to_its_queue() {
    let (stage, mut heard) = stage();
    let bus = stage
        .server
        .bus(Bus::builder().hold_limit(Duration::from_millis(300)));
    let app = App::new("shop")
        .state(stage)
        .handlers(handlers![linger])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("o-1", 1)).await.unwrap();
    assert_eq!(hear(&mut heard).await, "attempt 1, again false");
    assert_eq!(hear(&mut heard).await, "attempt 1, again true");
    app.shutdown().await.unwrap();
}
