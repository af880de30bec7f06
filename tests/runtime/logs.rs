//! The log: the fields of its lines, and what no line may contain.

use std::collections::BTreeSet;

use tidings::testing::TestBus;
use tidings::{App, HandlerError, Headers, Properties, event_handler, handlers};
use tidings_test_support::log::{self, LogLine};
use tracing::Level;

use crate::handlers::{Paid, Placed, paid, placed};

#[event_handler("order.#", retry(attempts = 2, rungs = "1s"))]
async fn picky(event: Placed) -> Result<(), HandlerError> {
    Err(HandlerError::retry(format!(
        "no such order: {}\nsecond line",
        event.order
    )))
}

#[event_handler(retry(attempts = 1, rungs = "1s"))]
async fn pays(event: Paid) {
    panic!("no such order: {}", event.order);
}

/// The lines about the deliveries of a service.
fn lines_of(service: &str) -> Vec<LogLine> {
    let lines = log::capture().lines_with(Level::DEBUG, &format!("service={service} "));
    assert!(!lines.is_empty(), "the service logs its deliveries");
    lines
}

#[tokio::test]
async fn no_text_of_the_wire_forges_a_line_or_floods_the_log() {
    log::capture();
    let bus = TestBus::new();
    let app = App::new("hostile").handlers(handlers![picky, pays]);
    let _app = app.start(&bus).await.unwrap();
    let hostile = format!("\nERROR forged\u{1b}[2K\r\u{202e}{}", "x".repeat(200_000));
    let json = serde_json::to_string(&hostile).unwrap();
    let data = r#"{"order":"a","number":1}"#;
    for body in [
        format!(r#"{{"id":{json},"correlationId":{json},"data":{data}}}"#),
        format!(r#"{{"type":{json},"id":{json},"data":{data}}}"#),
        format!(r#"{{"version":{json},"data":{data}}}"#),
        format!(r#"{{"id":"a","data":{{"order":{json},"number":1}}}}"#),
        format!(r#"{{"id":"b","data":{{"order":"a","number":{json}}}}}"#),
        format!(r#"{{"id":"c","data":{{{json}:1}}}}"#),
        hostile.clone(),
    ] {
        bus.publish_raw("order.placed", body).await;
    }
    let some = Some(hostile.clone());
    for properties in [
        Properties {
            kind: some.clone(),
            ..Properties::default()
        },
        Properties {
            message_id: some.clone(),
            correlation_id: some.clone(),
            ..Properties::default()
        },
        Properties {
            content_type: Some(format!("application/cloudevents{hostile}")),
            ..Properties::default()
        },
        Properties {
            content_encoding: some,
            ..Properties::default()
        },
    ] {
        for body in [data, "\u{0}", ""] {
            let body: Vec<u8> = if body == "\u{0}" { vec![0xff] } else { body.into() };
            bus.publish_message("order.placed", Headers::new(), properties.clone(), body)
                .await;
        }
    }
    bus.publish_raw(&format!("order.{hostile}"), r#"{"data":}"#).await;
    bus.publish(&paid(&hostile, 1)).await.unwrap();
    bus.settled().await;

    let lines = lines_of("hostile");
    assert!(
        lines
            .iter()
            .filter(|line| line.text.starts_with("dead-lettered"))
            .count()
            > 10
    );
    for LogLine { text, .. } in lines {
        assert!(text.len() < 4096, "{} bytes: {}", text.len(), &text[..400]);
        let is_forged = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!text.contains(is_forged), "{text:?}");
    }
}

#[tokio::test]
async fn the_lines_of_retries_and_dead_letters_say_which_event_they_are_about() {
    log::capture();
    let bus = TestBus::new();
    let app = App::new("precise").handlers(handlers![picky]);
    let _app = app.start(&bus).await.unwrap();
    let failing = bus.publish(&placed("a", 1)).await.unwrap();
    // Neither a wrong type nor a wrong shape reaches the handler.
    bus.publish_raw(
        "order.placed",
        r#"{"id":"e-2","type":"order.paid","correlationId":"c-2","data":{}}"#,
    )
    .await;
    bus.publish_raw(
        "order.placed",
        r#"{"id":"e-3","correlationId":"c-3","data":{"order":1}}"#,
    )
    .await;
    let properties = Properties {
        message_id: Some("e-4".to_owned()),
        correlation_id: Some("c-4".to_owned()),
        ..Properties::default()
    };
    bus.publish_message("order.placed", Headers::new(), properties, "{")
        .await;
    bus.settled().await;

    let failing = (failing.clone(), failing);
    let mut wanted: BTreeSet<(&str, &str, &str, &str)> = BTreeSet::new();
    wanted.insert(("retry scheduled", "order.placed", &failing.0, &failing.1));
    wanted.insert(("dead-lettered", "order.placed", &failing.0, &failing.1));
    wanted.insert(("dead-lettered", "order.paid", "e-2", "c-2"));
    wanted.insert(("dead-lettered", "order.placed", "e-3", "c-3"));
    wanted.insert(("dead-lettered", "order.placed", "e-4", "c-4"));
    let lines = lines_of("precise");
    for (message, event_type, id, correlation) in wanted {
        let fields = format!(
            "{message} service=precise handler=picky queue=precise.picky event_type={event_type} event_id={id} \
             correlation_id={correlation} attempt="
        );
        assert!(
            lines.iter().any(|line| line.text.starts_with(&fields)),
            "{fields}\nis not in\n{lines:#?}"
        );
    }
}
