//! A foreign service publishes an order, and our service returns a payment.

use serde_json::json;
use uuid::Uuid;

use crate::both_directions::{payments, properties, timestamp};
use crate::event::order;
use crate::fixture::Fixture;
use crate::foreign_service::OutgoingMessage;
use crate::language::Language::{self, Nest, Node, Python};

#[tokio::test]
async fn an_order_from_node_returns_a_payment() {
    an_order_returns_a_payment(Node).await;
}

#[tokio::test]
async fn an_order_from_nest_returns_a_payment() {
    an_order_returns_a_payment(Nest).await;
}

#[tokio::test]
async fn an_order_from_python_returns_a_payment() {
    an_order_returns_a_payment(Python).await;
}

async fn an_order_returns_a_payment(language: Language) {
    let fixture = Fixture::new().await;
    let ours = fixture.start_payments().await;
    let mut service = language.start(&fixture.url()).await;
    let queue = payments(language, &mut service).await;
    let order = order();
    service.publish(&order.envelope).await;

    let first = service.receive(queue).await;
    let id = first.event["id"].as_str().expect("there is an id").to_owned();
    assert_eq!(
        first.event,
        json!({
            "id": id,
            "type": "payment.settled",
            "timestamp": timestamp(&first),
            "aggregateId": order.event.order_id,
            "correlationId": order.envelope["correlationId"],
            "causationId": order.envelope["id"],
            "version": 1,
            "source": "payments",
            "data": {
                "orderId": order.event.order_id,
                "amountCents": order.event.total_cents,
                "method": order.event.customer,
            },
        })
    );
    assert_eq!(first.properties, properties(&first.event));

    // A service that is unsure publishes its order again. The same order must return the same payment.
    service.publish(&order.envelope).await;
    let second = service.receive(queue).await;
    assert_eq!(second.event["id"], id);
    assert_eq!(id.parse::<Uuid>().map(|id| id.get_version_num()), Ok(5));
    service.end().await;
    ours.shutdown().await.expect("no handler is running");
    fixture.end().await;
}

#[tokio::test]
async fn an_order_without_a_correlation_correlates_with_itself() {
    let fixture = Fixture::new().await;
    let ours = fixture.start_payments().await;
    let mut service = Node.start(&fixture.url()).await;
    let queue = payments(Node, &mut service).await;
    let mut order = order();
    for (name, value) in [("correlationId", None), ("causationId", Some(json!(null)))] {
        let envelope = order.envelope.as_object_mut().expect("the envelope is an object");
        envelope.remove(name);
        envelope.extend(value.map(|value| (name.to_owned(), value)));
    }
    service.publish(&order.envelope).await;

    let payment = service.receive(queue).await;
    assert_eq!(payment.event["correlationId"], order.envelope["id"]);
    assert_eq!(payment.event["causationId"], order.envelope["id"]);
    service.end().await;
    ours.shutdown().await.expect("no handler is running");
    fixture.end().await;
}

#[tokio::test]
async fn a_trace_from_node_continues_in_the_returned_event() {
    let fixture = Fixture::new().await;
    let ours = fixture.start_payments().await;
    let mut service = Node.start(&fixture.url()).await;
    let queue = payments(Node, &mut service).await;
    let (version, trace, span) = ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    service
        .send(&OutgoingMessage {
            options: json!({ "headers": {
                "traceparent": format!("{version}-{trace}-{span}-01"),
                "tracestate": "vendor=opaque",
            } }),
            ..OutgoingMessage::new("order.created", &order().envelope.to_string())
        })
        .await;

    let headers = service.receive(queue).await.headers.unwrap_or_default();
    let traceparent = headers["traceparent"].as_str().unwrap_or_default();
    let parts: Vec<&str> = traceparent.split('-').collect();
    assert_eq!(
        (parts.len(), parts[0], parts[1], parts[3]),
        (4, version, trace, "01")
    );
    // The returned event has another span of the same trace.
    assert_ne!(parts[2], span);
    assert_eq!(headers["tracestate"], "vendor=opaque");
    service.end().await;
    ours.shutdown().await.expect("no handler is running");
    fixture.end().await;
}
