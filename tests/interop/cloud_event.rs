//! CloudEvents that the Python library `cloudevents` writes.

use serde_json::json;

use crate::event::order;
use crate::fixture::Fixture;
use crate::language::Language::Python;

#[tokio::test]
async fn every_form_of_the_python_library_cloudevents_is_read() {
    let fixture = Fixture::new().await;
    let mut recording = fixture.record().await;
    let mut service = Python.start(&fixture.url()).await;
    // The RabbitMQ form has `ce-` headers. The AMQP form has `cloudEvents_` headers and the time as a number.
    for form in [
        "rabbitmq structured",
        "rabbitmq binary",
        "amqp structured",
        "amqp binary",
    ] {
        // A failed test prints the form.
        println!("{form}");
        let order = order().event;
        service
            .execute(json!({
                "do": "publishCloudEvent",
                "form": form,
                "attributes": {
                    "id": format!("{form} 1"),
                    "source": "/shop/eu",
                    "type": "order.created",
                    "specversion": "1.0",
                    "subject": order.order_id,
                    "time": "2026-11-23T10:00:00.120+00:00",
                    "datacontenttype": "application/json",
                    "correlationid": "checkout 17",
                    "causationid": "cart 17",
                },
                "data": order,
            }))
            .await;

        let (event, delivery) = recording.order().await;
        assert_eq!(event.data(), &order, "{form}");
        let metadata = event.metadata();
        assert_eq!(metadata.id, format!("{form} 1"));
        assert_eq!(metadata.source.as_deref(), Some("/shop/eu"), "{form}");
        assert_eq!(metadata.aggregate_id, order.order_id.to_string(), "{form}");
        assert_eq!(
            metadata.timestamp.to_string(),
            "2026-11-23T10:00:00.120Z",
            "{form}"
        );
        assert_eq!(metadata.correlation_id, "checkout 17", "{form}");
        assert_eq!(metadata.causation_id.as_deref(), Some("cart 17"), "{form}");
        assert_eq!((metadata.version, delivery.attempt()), (1, 1), "{form}");
    }
    service.end().await;
    recording.end().await;
    fixture.end().await;
}
