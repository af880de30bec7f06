//! Publishing: every caller gets the answer to its own event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::error::PublishFault;
use tidings::{App, DomainEvent, Error, PublishOptions, event_handler, handlers};
use tidings_broker::{Install, Setup};

use tidings_test_support::error_text;
use tidings_test_support::foreign_client::{ForeignClient, arguments, quorum_queue};
use tidings_test_support::wait::{blocking, until};

use crate::fixture::{Happened, bus, node, settings, vhost};

fn fault(error: &Error) -> (&PublishFault, bool) {
    match error {
        Error::Publish(error) => (error.fault(), error.maybe_delivered()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_queue_takes_is_told_to_its_own_caller_among_thousands() {
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    client
        .bind("classic", "thing.happened.taken", arguments(&[]))
        .await
        .unwrap();
    client
        .bind("quorum", "thing.happened.kept", quorum_queue(&[]))
        .await
        .unwrap();
    let kinds = ["taken", "lost", "kept", "lost"];
    let publishes = (0..12_000_u64).map(|number| {
        let (bus, kind) = (bus.clone(), kinds[usize::try_from(number % 4).unwrap()]);
        tokio::spawn(async move {
            let event = Happened::new(number, kind);
            // A third is not mandatory: their confirms carry the returns of others away.
            let options = PublishOptions::new();
            let mandatory = number % 3 != 0;
            let options = if mandatory { options.mandatory() } else { options };
            let result = bus.publish_with(&event, options).await;
            match (mandatory && kind == "lost", result) {
                (true, Err(error)) => assert!(matches!(fault(&error).0, PublishFault::Unroutable)),
                (false, Ok(_)) => {}
                (_, other) => panic!("{number} {kind} mandatory {mandatory}: {other:?}"),
            }
        })
    });
    for publish in join_all(publishes).await {
        publish.unwrap();
    }
    until("all are in their queues", async || {
        client.depth("classic").await == Some(3_000) && client.depth("quorum").await == Some(3_000)
    })
    .await;
    bus.close().await;
}

#[tokio::test]
async fn a_queue_that_refuses_no_longer_is_published_to_again() {
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    client
        .bind("full", "thing.happened.*", quorum_queue(&[]))
        .await
        .unwrap();
    let name = vhost.name().to_owned();
    let policy = |definition: &'static str| {
        let name = name.clone();
        blocking(move || {
            let set = [
                "set_policy",
                "-p",
                &name,
                "full",
                "^full$",
                definition,
                "--apply-to",
                "queues",
            ];
            tidings_broker::shared().ctl(&set).unwrap();
        })
    };
    policy(r#"{"max-length":1,"overflow":"reject-publish"}"#).await;
    // It takes a few more than it may have before it refuses.
    until("the queue refuses", async || {
        let told = bus.publish(&Happened::new(1, "a")).await;
        told.is_err_and(|error| matches!(fault(&error).0, PublishFault::Refused(_)))
    })
    .await;
    // Limit and refusal go at once: it tells no channel that it had refused before.
    policy(r#"{"max-length":1000}"#).await;
    bus.publish(&Happened::new(2, "a")).await.unwrap();
}

#[tokio::test]
async fn an_exchange_that_was_deleted_is_declared_again() {
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    client.delete_exchange("domain_events").await.unwrap();
    let events: Vec<Happened> = (0..100).map(|number| Happened::new(number, "a")).collect();
    for result in bus.publish_all(&events).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn a_caller_that_stops_waiting_takes_no_answer_from_another() {
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    client.bind("all", "thing.#", arguments(&[])).await.unwrap();
    for number in 0..200 {
        let event = Happened::new(number, "a");
        let mut publish = Box::pin(bus.publish(&event));
        tokio::select! {
            biased;
            result = &mut publish => { result.unwrap(); }
            () = tokio::time::sleep(Duration::from_micros(number * 10)) => {}
        }
        drop(publish);
        bus.publish_with(&Happened::new(number, "b"), PublishOptions::new().mandatory())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_blocked_broker_shows_and_what_never_left_is_surely_not_delivered() {
    let node = node().await;
    let url = node.url();
    let bus = settings()
        .publish_timeout(Duration::from_secs(2))
        .connect(&url)
        .await
        .unwrap();
    let client = ForeignClient::connect(&url).await;
    client.bind("all", "thing.#", arguments(&[])).await.unwrap();
    bus.publish(&Happened::new(0, "before")).await.unwrap();
    let alarm = |mark: &'static str| {
        let node = node.clone();
        blocking(move || {
            node.ctl(&["set_vm_memory_high_watermark", mark]).unwrap();
        })
    };
    alarm("0.00001").await;
    // The broker tells a connection when it next publishes.
    let first = bus.publish(&Happened::new(1, "first")).await;
    assert!(first.is_err());
    until("health says so", async || {
        bus.health()
            .reason
            .is_some_and(|reason| reason.contains("takes no publishes"))
    })
    .await;
    assert!(bus.health().connected);
    let events: Vec<Happened> = (10..300).map(|number| Happened::new(number, "never")).collect();
    for result in bus.publish_all(&events).await {
        let error = result.unwrap_err();
        let (fault, maybe_delivered) = fault(&error);
        assert!(matches!(fault, PublishFault::TimedOut(_)), "{fault:?}");
        assert!(!maybe_delivered, "it never left");
    }
    alarm("0.4").await;
    until("it takes publishes again", async || bus.health().is_ready()).await;
    bus.publish(&Happened::new(400, "after")).await.unwrap();
    // `before`, `first` perhaps, `after`, and not one that never left.
    assert!(client.depth("all").await.is_some_and(|depth| depth <= 3));
    bus.close().await;
}

#[tokio::test]
async fn a_blocked_bus_closes_all_the_same() {
    let node = node().await;
    let bus = settings()
        .publish_timeout(Duration::from_secs(1))
        .connect(&node.url())
        .await
        .unwrap();
    let alarmed = node.clone();
    blocking(move || {
        alarmed.ctl(&["set_vm_memory_high_watermark", "0.00001"]).unwrap();
    })
    .await;
    assert!(bus.publish(&Happened::new(1, "first")).await.is_err());
    tokio::time::timeout(Duration::from_secs(20), bus.close())
        .await
        .expect("it closes");
}

#[event_handler("thing.happened.small")]
async fn enlarge(event: Happened) -> Large {
    Large {
        number: event.number,
        room: "x".repeat(200_000),
    }
}

/// Something that happened at length.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "thing.grown", aggregate_id = number)]
struct Large {
    number: u64,
    room: String,
}

#[tokio::test]
async fn what_is_larger_than_the_broker_takes_is_told_at_once_and_dead_letters_what_returned_it() {
    let limited = blocking(|| {
        let setup = Setup::new(&Install::find().unwrap()).conf("max_message_size = 100000");
        Arc::new(setup.start().unwrap())
    });
    let node = limited.await;
    let bus = bus(&node.url()).await;
    let large = Large {
        number: 1,
        room: "x".repeat(200_000),
    };
    let small = Happened::new(1, "other");
    let started = Instant::now();
    let (refused, free) = tokio::join!(bus.publish(&large), bus.publish(&small));
    free.unwrap();
    let refused = refused.unwrap_err();
    let (fault, _) = fault(&refused);
    assert!(matches!(fault, PublishFault::Unpublishable(_)), "{fault:?}");
    assert!(error_text(&refused).contains("larger than"), "{refused:?}");
    // It is not tried again after 0.2, 1 and 5 s, which would close the channel of all others each time.
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );

    let app = App::new("grower")
        .handlers(handlers![enlarge])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&Happened::new(2, "small")).await.unwrap();
    let client = ForeignClient::connect(&node.url()).await;
    until("what returned it is a dead letter", async || {
        client.depth("grower.enlarge.dlq").await == Some(1)
    })
    .await;
    app.shutdown().await.unwrap();
    bus.close().await;
}
