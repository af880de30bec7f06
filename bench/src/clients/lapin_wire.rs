//! Helpers of the lapin clients: a confirm channel, and the event with the same envelope and properties as Tidings.

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{Acker, BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use serde::Serialize;

use crate::event::{Envelope, OrderCreated};

pub(crate) const EXCHANGE: &str = "domain_events";
pub(crate) const KEY: &str = "order.created";
pub(crate) const QUEUE: &str = "bench.take";

pub(crate) async fn connect(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .expect("the broker accepts the connection");
    let channel = connection
        .create_channel()
        .await
        .expect("the broker opens a channel");
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

pub(crate) async fn subscribe(channel: &Channel, queue: &str, prefetch: u16) -> Consumer {
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
        .await
        .expect("the broker accepts the prefetch");
    channel
        .basic_consume(
            queue.into(),
            "bench".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("the queue exists")
}

pub(crate) async fn next(deliveries: &mut Consumer) -> Delivery {
    let delivery = deliveries.next().await.expect("the consumer stays open");
    delivery.expect("the delivery is complete")
}

pub(crate) async fn acknowledge(acker: &Acker) {
    let written = acker.ack(BasicAckOptions::default()).await;
    written.expect("an ack is written");
}

/// Makes the body and the properties of one publish.
pub(crate) fn encode(event: &OrderCreated) -> (Vec<u8>, BasicProperties) {
    encode_as(KEY, event.order_id.to_string(), event)
}

/// Like `encode`, for any event.
pub(crate) fn encode_as<T: Serialize>(
    r#type: &str,
    aggregate_id: String,
    event: &T,
) -> (Vec<u8>, BasicProperties) {
    let envelope = Envelope::new(r#type, aggregate_id, event);
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

/// Writes an `order.created` event to the channel, and returns a future of its confirm.
pub(crate) async fn publish_order(
    channel: &Channel,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<impl Future<Output = lapin::Result<Confirmation>> + Send + use<>> {
    publish_to(channel, KEY, body, properties).await
}

/// Like `publish_order`, with any routing key.
pub(crate) async fn publish_to(
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

pub(crate) async fn confirmed(published: lapin::Result<impl Future<Output = lapin::Result<Confirmation>>>) {
    let confirm = published.expect("a publish is written");
    let confirmation = confirm.await.expect("the broker answers");
    assert!(confirmation.is_ack(), "the broker accepted the event");
}

pub(crate) fn decode(body: &[u8]) -> OrderCreated {
    let envelope: Envelope<OrderCreated> = serde_json::from_slice(body).expect("a body is an envelope");
    envelope.data
}
