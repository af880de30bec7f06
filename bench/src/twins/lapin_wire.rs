//! What both ways of using lapin by hand share: a confirm channel, and the event as ours writes it.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde::Serialize;

use crate::event::{Envelope, OrderCreated};

pub(crate) const EXCHANGE: &str = "domain_events";
pub(crate) const KEY: &str = "order.created";
pub(crate) const QUEUE: &str = "bench.take";

pub(crate) async fn connect(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .expect("the broker takes connections");
    let channel = connection.create_channel().await.expect("and channels");
    (connection, channel)
}

pub(crate) async fn confirm_channel(url: &str) -> (Connection, Channel) {
    let (connection, channel) = connect(url).await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("the channel confirms");
    (connection, channel)
}

/// The body and the properties of one publish.
pub(crate) fn encode(event: &OrderCreated) -> (Vec<u8>, BasicProperties) {
    encode_as(KEY, event.order_id.to_string(), event)
}

/// The same of any event.
pub(crate) fn encode_as<T: Serialize>(
    r#type: &str,
    aggregate_id: String,
    event: &T,
) -> (Vec<u8>, BasicProperties) {
    let envelope = Envelope::around(r#type, aggregate_id, event);
    let body = serde_json::to_vec(&envelope).expect("an event is JSON");
    let seconds = jiff::Timestamp::now().as_second();
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_message_id(envelope.id.to_string().into())
        .with_correlation_id(envelope.correlation_id.to_string().into())
        .with_type(envelope.r#type.into())
        .with_timestamp(u64::try_from(seconds).unwrap_or_default())
        .with_app_id(envelope.source.into())
        .with_headers(FieldTable::default());
    (body, properties)
}

/// Hands a message to the connection; the confirm comes later.
pub(crate) async fn hand_over(
    channel: &Channel,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<impl Future<Output = lapin::Result<Confirmation>> + Send + use<>> {
    hand_over_to(channel, KEY, body, properties).await
}

/// The same under any key.
pub(crate) async fn hand_over_to(
    channel: &Channel,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<impl Future<Output = lapin::Result<Confirmation>> + Send + use<>> {
    channel
        .basic_publish(
            EXCHANGE.into(),
            key.into(),
            BasicPublishOptions::default(),
            body,
            properties,
        )
        .await
}

/// Waits for the broker's word.
pub(crate) async fn confirmed(handed: lapin::Result<impl Future<Output = lapin::Result<Confirmation>>>) {
    let confirm = handed.expect("a publish is written");
    let confirmation = confirm.await.expect("the broker answers");
    assert!(confirmation.is_ack(), "the broker took the event");
}

/// The event in a delivery.
pub(crate) fn decode(body: &[u8]) -> OrderCreated {
    let envelope: Envelope<OrderCreated> = serde_json::from_slice(body).expect("a body is an envelope");
    envelope.data
}
