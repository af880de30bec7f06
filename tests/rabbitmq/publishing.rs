//! Publishing: every caller gets the result of its own event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lapin::BasicProperties;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::error::PublishFault;
use tidings::{App, DomainEvent, Error, PublishOptions, event_handler, handlers};
use tidings_broker::{Install, Setup};
use tracing::Level;

use tidings_test_support::foreign_client::{ForeignClient, arguments, quorum_queue};
use tidings_test_support::wait::{blocking, until};
use tidings_test_support::{error_text, log};

use crate::fixture::{Happened, bus, node, settings, vhost};

fn fault(error: &Error) -> (&PublishFault, bool) {
    match error {
        Error::Publish(error) => (error.fault(), error.maybe_delivered()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn among_thousands_of_publishes_each_unroutable_event_fails_its_own_caller() {
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    client
        .bind("classic", "thing.happened.classic", arguments(&[]))
        .await
        .unwrap();
    client
        .bind("quorum", "thing.happened.quorum", quorum_queue(&[]))
        .await
        .unwrap();
    let kinds = ["classic", "lost", "quorum", "lost"];
    let publishes = (0..12_000_u64).map(|number| {
        let (bus, kind) = (bus.clone(), kinds[usize::try_from(number % 4).unwrap()]);
        tokio::spawn(async move {
            let event = Happened::new(number, kind);
            // A third of the events is not mandatory, so that confirms and returns alternate.
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
    until("every routed event is in its queue", async || {
        client.depth("classic").await == Some(3_000) && client.depth("quorum").await == Some(3_000)
    })
    .await;
    bus.close().await;
}

#[tokio::test]
async fn a_nacked_event_is_published_again_until_the_queue_accepts_it() {
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
    // The queue accepts a few more messages than its limit before it refuses.
    until("the queue refuses", async || {
        let result = bus.publish(&Happened::new(1, "a")).await;
        result.is_err_and(|error| matches!(fault(&error).0, PublishFault::Refused(_)))
    })
    .await;
    // One policy raises the limit and removes the overflow, so the queue does not notify the channels of space.
    policy(r#"{"max-length":1000}"#).await;
    bus.publish(&Happened::new(2, "a")).await.unwrap();
}

#[tokio::test]
async fn a_deleted_exchange_is_declared_again() {
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
async fn a_cancelled_publish_does_not_take_the_result_of_another() {
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
async fn the_health_reports_a_blocked_broker_and_unsent_events_fail_as_not_delivered() {
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
    // The broker blocks a connection at its next publish.
    let first = bus.publish(&Happened::new(1, "first")).await;
    assert!(first.is_err());
    until("the health reports the blocked broker", async || {
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
        assert!(!maybe_delivered, "the event was never sent");
    }
    alarm("0.4").await;
    until("the bus is ready again", async || bus.health().is_ready()).await;
    bus.publish(&Happened::new(400, "after")).await.unwrap();
    // `before`, `after` and perhaps `first`, but no event that was never sent.
    assert!(client.depth("all").await.is_some_and(|depth| depth <= 3));
    bus.close().await;
}

#[tokio::test]
async fn the_health_reports_a_publish_that_is_not_confirmed() {
    let node = node().await;
    let bus = settings()
        .publish_timeout(Duration::from_secs(1))
        .connect(&node.url())
        .await
        .unwrap();
    let client = ForeignClient::connect(&node.url()).await;
    client
        .bind("silent", "thing.happened.slow", quorum_queue(&[]))
        .await
        .unwrap();
    let queue = |action: &str| {
        let expression = format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"silent\">>)), {{Name, _}} = \
             amqqueue:get_pid(Q), ok = sys:{action}(Name)."
        );
        let node = node.clone();
        blocking(move || node.ctl(&["eval", &expression]).unwrap())
    };
    queue("suspend").await;
    let error = bus.publish(&Happened::new(1, "slow")).await.unwrap_err();
    assert!(matches!(fault(&error).0, PublishFault::TimedOut(_)), "{error:?}");
    assert!(bus.health().is_ready());
    until("the health reports the publish", async || {
        !bus.health().is_ready()
    })
    .await;
    let health = bus.health();
    assert!(
        health.oldest_publish >= Some(Duration::from_secs(10)),
        "{health:?}"
    );
    let reason = health.reason.unwrap();
    assert!(
        reason.contains("exchange `domain_events` with routing key `thing.happened.slow`"),
        "{reason}"
    );
    // The first publish to such a queue blocks the channel.
    bus.publish(&Happened::new(2, "fast")).await.unwrap_err();
    queue("resume").await;
    until("the bus is ready again", async || bus.health().is_ready()).await;
    bus.publish(&Happened::new(3, "fast")).await.unwrap();
    until("nothing waits", async || bus.health().oldest_publish.is_none()).await;
    bus.close().await;
}

#[tokio::test]
async fn a_blocked_bus_can_be_closed() {
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
        .expect("the bus closes");
}

#[event_handler("thing.happened.small")]
async fn enlarge(event: Happened) -> Large {
    Large {
        number: event.number,
        padding: "x".repeat(200_000),
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "thing.grown", aggregate_id = number)]
struct Large {
    number: u64,
    padding: String,
}

#[tokio::test]
async fn an_event_larger_than_the_broker_accepts_fails_at_once_and_dead_letters_its_cause() {
    let node = blocking(|| {
        let setup = Setup::new(&Install::find().unwrap()).conf("max_message_size = 100000");
        Arc::new(setup.start().unwrap())
    })
    .await;
    let bus = bus(&node.url()).await;
    let large = Large {
        number: 1,
        padding: "x".repeat(200_000),
    };
    let small = Happened::new(1, "other");
    let started = Instant::now();
    let (refused, accepted) = tokio::join!(bus.publish(&large), bus.publish(&small));
    accepted.unwrap();
    let refused = refused.unwrap_err();
    let (fault, _) = fault(&refused);
    assert!(matches!(fault, PublishFault::Unpublishable(_)), "{fault:?}");
    assert!(error_text(&refused).contains("larger than"), "{refused:?}");
    // The event is not retried after 0.2, 1 and 5 s, which would close the shared channel each time.
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    // For a while, the bus refuses such events without the broker, which would close the channel of the others.
    for number in 0..50 {
        let small = Happened::new(number, "other");
        let (refused, accepted) = tokio::join!(bus.publish(&large), bus.publish(&small));
        accepted.unwrap();
        assert!(error_text(&refused.unwrap_err()).contains("larger than"));
    }
    let closed = node.logs().matches("is larger than configured max size").count();
    let windows = usize::try_from(started.elapsed().as_secs() / 5).unwrap() + 1;
    assert!(
        (1..=2 * windows).contains(&closed),
        "{closed} channels in {windows} windows"
    );

    let app = App::new("grower")
        .handlers(handlers![enlarge])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&Happened::new(2, "small")).await.unwrap();
    let client = ForeignClient::connect(&node.url()).await;
    until("the cause is dead-lettered", async || {
        client.depth("grower.enlarge.dlq").await == Some(1)
    })
    .await;
    app.shutdown().await.unwrap();
    bus.close().await;
}

/// A card was stored.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "card.stored", aggregate_id = owner)]
struct CardStored {
    owner: String,
    number: u64,
}

#[event_handler]
async fn keep(_: CardStored) {}

#[tokio::test]
async fn no_byte_of_an_events_data_is_logged() {
    const SECRET: &str = "Geheimzahl-4111";
    let log = log::capture();
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let stored = CardStored {
        owner: SECRET.to_owned(),
        number: 1,
    };
    let unroutable = bus.publish_with(&stored, PublishOptions::new().mandatory()).await;
    assert!(matches!(
        fault(&unroutable.unwrap_err()).0,
        PublishFault::Unroutable
    ));

    // The data does not fit the event, and the broker returns the dead letter until its queue exists again.
    let app = App::new("cards").handlers(handlers![keep]);
    let running = app.start(&bus).await.unwrap();
    let client = ForeignClient::connect(&vhost.url()).await;
    client.delete_queue("cards.keep.dlq").await.unwrap();
    let body = format!(r#"{{"data":{{"owner":"{SECRET}","number":"{SECRET}"}}}}"#);
    client
        .publish(
            "domain_events",
            "card.stored",
            BasicProperties::default(),
            body.as_bytes(),
        )
        .await
        .unwrap();
    until("the event is a dead letter", async || {
        client.depth("cards.keep.dlq").await == Some(1)
    })
    .await;
    running.shutdown().await.unwrap();
    bus.close().await;

    assert_eq!(
        log.lines_with(Level::DEBUG, "dead-lettered service=cards").len(),
        1
    );
    // A list of bytes is how lapin writes a body.
    let bytes = format!("{:?}", SECRET.as_bytes());
    for part in [SECRET, bytes.trim_matches(['[', ']'])] {
        let lines = log.lines_with(Level::DEBUG, part);
        assert!(
            lines.is_empty(),
            "{} lines, such as {:.900}",
            lines.len(),
            lines[0].text
        );
    }
}
