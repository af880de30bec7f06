//! Declaring an existing, a different and a missing topology.

use std::time::{Duration, Instant};

use lapin::ExchangeKind;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::AMQPValue;
use tidings::error::Drift;
use tidings::{App, Declare, Error, event_handler, handlers};

use tidings_test_support::error_text;
use tidings_test_support::foreign_client::{ForeignClient, arguments, quorum_queue};
use tidings_test_support::wait::{blocking, until};

use crate::fixture::{Happened, bus, settings, vhost};

#[event_handler("thing.happened.*")]
async fn one(_event: Happened) {}

#[event_handler("thing.happened.*")]
async fn two(_event: Happened) {}

#[tokio::test]
async fn declaring_again_changes_nothing() {
    let vhost = vhost().await;
    for _ in 0..2 {
        let bus = bus(&vhost.url()).await;
        let app = App::new("twice")
            .handlers(handlers![one, two])
            .start(&bus)
            .await
            .unwrap();
        app.shutdown().await.unwrap();
        bus.close().await;
    }
}

#[tokio::test]
async fn the_error_for_queues_with_other_arguments_names_each_queue_and_both_values() {
    let vhost = vhost().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let low_limit = quorum_queue(&[("x-delivery-limit", AMQPValue::LongLongInt(3))]);
    client.declare("drifting.one", low_limit).await.unwrap();
    client.declare("drifting.two", arguments(&[])).await.unwrap();
    for declare in [Declare::Auto, Declare::Verify] {
        let ready = bus(&vhost.url()).await;
        let bus = settings().declare(declare).connect(&vhost.url()).await.unwrap();
        let error = App::new("drifting")
            .handlers(handlers![one, two])
            .start(&bus)
            .await
            .unwrap_err();
        let text = error_text(&error);
        if declare == Declare::Auto {
            let Error::Declare(error) = &error else {
                panic!("{error:?}")
            };
            assert_eq!(error.name(), "drifting.one");
            let mut cause = std::error::Error::source(error);
            let drift = loop {
                let error = cause.expect("a drift");
                match error.downcast_ref::<Drift>() {
                    Some(drift) => break drift,
                    None => cause = error.source(),
                }
            };
            assert!(
                !drift.wanted.is_empty() && drift.wanted != drift.found,
                "{drift:?}"
            );
            assert!(text.contains("cannot declare queue `drifting.two`"), "{text}");
        } else {
            assert!(text.contains("drifting"), "{text}");
        }
        ready.close().await;
        bus.close().await;
    }
}

/// Declares `domain_events` as another team did, and a queue of theirs.
async fn foreign_exchange(client: &ForeignClient, kind: ExchangeKind, options: ExchangeDeclareOptions) {
    let exchange = |name: &str, kind, options, arguments| {
        client
            .channel()
            .exchange_declare(name.into(), kind, options, arguments)
    };
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let unrouted = [("alternate-exchange", AMQPValue::LongString("unrouted".into()))];
    exchange("unrouted", ExchangeKind::Fanout, durable, arguments(&[]))
        .await
        .unwrap();
    exchange("domain_events", kind, options, arguments(&unrouted))
        .await
        .unwrap();
    client.bind("theirs", "#", arguments(&[])).await.unwrap();
}

#[tokio::test]
async fn a_shared_exchange_with_other_arguments_is_used_as_it_is() {
    for auto_delete in [false, true] {
        let vhost = vhost().await;
        let client = ForeignClient::connect(&vhost.url()).await;
        let options = ExchangeDeclareOptions {
            auto_delete,
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        foreign_exchange(&client, ExchangeKind::Topic, options).await;
        let app = || App::new("guest").handlers(handlers![one]);
        for declare in [Declare::Auto, Declare::Verify] {
            let bus = settings().declare(declare).connect(&vhost.url()).await.unwrap();
            app().declare(&bus).await.unwrap();
            let running = app().start(&bus).await.unwrap();
            bus.publish(&Happened::new(1, "a")).await.unwrap();
            until("the event is handled", async || {
                running.health().handlers[0].handled == 1
            })
            .await;
            assert!(running.health().is_ready());
            running.shutdown().await.unwrap();
            bus.close().await;
        }
        assert_eq!(client.depth("theirs").await, Some(2));
    }
}

#[tokio::test]
async fn the_error_for_a_shared_exchange_that_is_transient_or_no_topic_exchange_deletes_nothing() {
    for (kind, durable, argument) in [
        (ExchangeKind::Direct, true, "`type`"),
        (ExchangeKind::Topic, false, "`durable`"),
    ] {
        let vhost = vhost().await;
        let client = ForeignClient::connect(&vhost.url()).await;
        let options = ExchangeDeclareOptions {
            durable,
            ..ExchangeDeclareOptions::default()
        };
        foreign_exchange(&client, kind, options).await;
        let error = settings().connect(&vhost.url()).await.unwrap_err();
        let text = error_text(&error);
        assert!(
            text.contains(argument) && text.contains("`BusBuilder::exchange`"),
            "{text}"
        );
        assert!(!text.contains("delete"), "{text}");
    }
}

#[tokio::test]
async fn verify_declares_nothing_and_names_what_is_missing() {
    let vhost = vhost().await;
    let error = settings()
        .declare(Declare::Verify)
        .connect(&vhost.url())
        .await
        .unwrap_err();
    let missing = error_text(&error);
    assert!(
        missing.contains("domain_events") && missing.contains("NOT_FOUND"),
        "{missing}"
    );
    let ready = bus(&vhost.url()).await;
    let verifying = settings()
        .declare(Declare::Verify)
        .connect(&vhost.url())
        .await
        .unwrap();
    let app = || App::new("missing").handlers(handlers![one]);
    let error = app().start(&verifying).await.unwrap_err();
    let missing = error_text(&error);
    assert!(
        missing.contains("missing.one") && missing.contains("missing.orphans"),
        "{missing}"
    );
    let running = app().start(&ready).await.unwrap();
    let error = app().start(&verifying).await.unwrap_err();
    let missing = error_text(&error);
    assert!(
        missing.contains("missing.one.delay.50ms") && missing.contains("missing.one.delay.45s"),
        "{missing}"
    );
    app().declare(&ready).await.unwrap();
    let verified = app().start(&verifying).await.unwrap();
    verified.shutdown().await.unwrap();
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn hundreds_of_queues_are_declared_in_seconds() {
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let started = Instant::now();
    for service in 0..20 {
        let app = App::new(format!("many-{service}"))
            .handlers(handlers![one, two])
            .start(&bus)
            .await
            .unwrap();
        drop(app);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    bus.close().await;
}

#[tokio::test]
async fn a_user_without_configure_permission_runs_on_an_existing_topology() {
    let vhost = vhost().await;
    let ready = bus(&vhost.url()).await;
    let app = App::new("hosted").handlers(handlers![one, two]);
    app.declare(&ready).await.unwrap();
    let (node, name) = (vhost.node(), vhost.name().to_owned());
    blocking(move || {
        node.add_user("limited", "secret").unwrap();
        node.permit("limited", &name, ["^$", ".*", ".*"]).unwrap();
    })
    .await;
    let url = node.url_of("limited", "secret", vhost.name());
    let bus = settings().declare(Declare::Verify).connect(&url).await.unwrap();
    let app = App::new("hosted")
        .handlers(handlers![one, two])
        .start(&bus)
        .await
        .unwrap();
    assert!(app.health().is_ready());
    app.shutdown().await.unwrap();
    bus.close().await;
    ready.close().await;
}
