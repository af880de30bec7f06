//! What a publisher is told.

use std::time::Duration;

use tidings::error::PublishFault;
use tidings::testing::MemoryServer;
use tidings::{Bus, Error};

use crate::handlers::{Recorder, placed, plain, start};

fn error(result: Result<String, Error>) -> tidings::error::PublishError {
    match result {
        Err(Error::Publish(error)) => error,
        other => panic!("not a publish error: {other:?}"),
    }
}

#[tokio::test]
async fn a_broker_that_is_away_fails_a_publish_by_its_deadline_and_never_has_the_event() {
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
    let looking = async {
        while recorder.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), looking)
        .await
        .expect("the second arrives");
    assert_eq!(recorder.seen(), [(2, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_publish_is_tried_again_three_times_and_may_then_have_been_delivered() {
    let server = MemoryServer::new();
    let bus = server.bus(Bus::builder());
    let began = tokio::time::Instant::now();
    server.refuse_next("domain_events", 3);
    bus.publish(&placed("a", 1)).await.expect("the fourth is taken");
    assert_eq!(began.elapsed().as_millis() / 100, 62, "after 0.2, 1 and 5 s");

    server.refuse_next("domain_events", 4);
    let error = error(bus.publish(&placed("a", 2)).await);
    assert!(matches!(error.fault(), PublishFault::Refused(_)), "{error:?}");
    assert!(error.maybe_delivered(), "{error}");
    assert!(error.to_string().contains("may have been delivered"), "{error}");
}

#[tokio::test]
async fn a_closed_bus_says_so() {
    let bus = Bus::in_memory();
    bus.close().await;
    let error = error(bus.publish(&placed("a", 1)).await);
    assert!(matches!(error.fault(), PublishFault::Closed), "{error:?}");
    assert!(!error.maybe_delivered());
}

#[tokio::test]
async fn a_password_is_in_no_error_and_in_no_debug_text() {
    let url = "amqp://user:secret@nowhere.invalid:1/vhost";
    let builder = Bus::builder().connect_timeout(Duration::from_millis(200));
    assert!(!format!("{builder:?}").contains("secret"));
    let Err(error) = builder.connect(url).await else {
        panic!("nobody is there");
    };
    let mut texts = vec![format!("{error:?}")];
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    assert!(texts.iter().all(|text| !text.contains("secret")), "{texts:?}");
}
