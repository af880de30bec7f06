//! The results of publishing.

use std::time::Duration;

use tidings::error::PublishFault;
use tidings::testing::MemoryServer;
use tidings::{Bus, Error};
use tidings_test_support::{error_text, log};

use crate::handlers::{Recorder, placed, plain, start};

fn error(result: Result<String, Error>) -> tidings::error::PublishError {
    match result {
        Err(Error::Publish(error)) => error,
        other => panic!("not a publish error: {other:?}"),
    }
}

#[tokio::test]
async fn a_publish_to_an_unreachable_broker_fails_at_its_deadline_and_is_not_delivered() {
    let server = MemoryServer::new();
    let recorder = Recorder::default();
    let bus = server.bus(Bus::builder().publish_timeout(Duration::from_millis(50)));
    let _app = start!(&bus, recorder, [plain]);
    server.go_down();
    assert!(!bus.health().is_ready());
    let error = error(bus.publish(&placed("a", 1)).await);
    assert!(matches!(error.fault(), PublishFault::TimedOut(_)), "{error:?}");
    assert!(!error.maybe_delivered(), "{error}");
    server.come_back();
    bus.publish(&placed("a", 2)).await.unwrap();
    let handled = async {
        while recorder.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), handled)
        .await
        .expect("the second event is handled");
    assert_eq!(recorder.seen(), [(2, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_nacked_publish_is_retried_three_times_and_then_fails_as_maybe_delivered() {
    let server = MemoryServer::new();
    let bus = server.bus(Bus::builder());
    let began = tokio::time::Instant::now();
    server.refuse_next("domain_events", 3);
    bus.publish(&placed("a", 1))
        .await
        .expect("the broker accepts the fourth attempt");
    assert_eq!(
        began.elapsed().as_millis() / 100,
        62,
        "retries after 0.2, 1 and 5 s"
    );

    server.refuse_next("domain_events", 4);
    let error = error(bus.publish(&placed("a", 2)).await);
    assert!(matches!(error.fault(), PublishFault::Refused(_)), "{error:?}");
    assert!(error.maybe_delivered(), "{error}");
    assert!(error.to_string().contains("may have been delivered"), "{error}");
}

#[tokio::test]
async fn a_publish_on_a_closed_bus_fails() {
    let bus = Bus::in_memory();
    bus.close().await;
    let error = error(bus.publish(&placed("a", 1)).await);
    assert!(matches!(error.fault(), PublishFault::Closed), "{error:?}");
    assert!(!error.maybe_delivered());
}

#[tokio::test]
async fn the_name_of_a_refused_header_is_escaped_and_cut() {
    let bus = Bus::in_memory();
    let hostile = format!("tidings-\nERROR\u{202e}{}", "x".repeat(1000));
    for name in [&hostile[..17], &hostile, &hostile.replace("tidings-", "")] {
        let options = tidings::PublishOptions::new().header(name, true);
        let error = error_text(&bus.publish_with(&placed("a", 1), options).await.unwrap_err());
        assert!(
            error.contains(r"\nERROR\u{202e}") && error.len() < 600,
            "{error:?}"
        );
        assert!(!error.contains(['\n', '\u{202e}']), "{error:?}");
    }
}

#[tokio::test]
async fn no_error_log_or_debug_text_contains_a_password() {
    let log = log::capture();
    let builder = Bus::builder().connect_timeout(Duration::from_millis(20));
    assert!(!format!("{builder:?}").contains("Sup3r"));
    for url in [
        "amqp://orders:Sup3r@nowhere.invalid:1/vhost",
        "amqp://orders:Sup3r@127.0.0.1:1,amqp://orders:Sup3r@127.0.0.1:2",
        "amqp://orders:Sup3r/et@host/prod",
        "amqp://orders:12/Sup3r@host/prod",
        "amqp://orders:12?Sup3r@host/prod",
        "amqp://orders:12#Sup3r@host/prod",
        "amqp://orders:a,Sup3r@127.0.0.1:1",
        "amqp://orders:Sup3r@x@127.0.0.1:1",
        "amqp://orders:Sup3r",
        "amqp://orders:Sup3r/prod",
        "amqps://orders:Sup3r@127.0.0.1:1",
        "amqp:orders:Sup3r@host",
        "orders:Sup3r@host",
        "orders:Sup3r",
        "Sup3r",
        "http://orders:Sup3r@host",
    ] {
        let Err(error) = builder.clone().connect(url).await else {
            panic!("{url} has no broker");
        };
        let texts = [format!("{error:?}"), error_text(&error)];
        assert!(texts.iter().all(|text| !text.contains("Sup3r")), "{texts:?}");
    }
    let lines = log.lines_with(tracing::Level::DEBUG, "Sup3r");
    assert!(lines.is_empty(), "{lines:?}");
}
