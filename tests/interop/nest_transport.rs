//! Nest's own RabbitMQ transport, which writes `{"pattern":…,"data":…}` without an envelope.

use serde_json::json;
use tidings::Properties;

use crate::event::order;
use crate::fixture::Fixture;
use crate::language::Language::Nest;

#[tokio::test]
async fn messages_of_nests_own_transport_are_read_as_type_and_data() {
    let fixture = Fixture::new().await;
    let mut recording = fixture.record().await;
    let mut service = Nest.start(&fixture.url()).await;
    let order = order().event;
    service
        .execute(json!({ "do": "emit", "pattern": "order.created", "data": order }))
        .await;

    let (event, delivery) = recording.order().await;
    assert_eq!(event.data(), &order);
    let metadata = event.metadata();
    // The message has no id, so the id is derived from the content.
    assert!(metadata.id_is_derived);
    assert_eq!(metadata.correlation_id, metadata.id);
    assert_eq!((metadata.version, metadata.causation_id.as_deref()), (1, None));
    assert_eq!(
        (metadata.aggregate_id.as_str(), metadata.source.as_deref()),
        ("", None)
    );
    assert_eq!(metadata.timestamp, delivery.first_received_at());
    assert_eq!(delivery.properties(), &Properties::default());

    // The pattern is not the type of a declared event.
    service
        .execute(json!({ "do": "emit", "pattern": "shipment.sent.eu", "data": [1, { "a": null, "b": 1.5 }] }))
        .await;
    let (event, _) = recording.rest().await;
    assert_eq!(
        (event.event_type(), event.routing_key()),
        ("shipment.sent.eu", "shipment.sent.eu")
    );
    assert_eq!(event.json(), r#"[1,{"a":null,"b":1.5}]"#);
    service.end().await;
    recording.end().await;
    fixture.end().await;
}
