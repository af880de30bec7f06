//! Operations of a document: what a service does at a channel.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tidings::EventDescriptor;
use tidings::describe::{Description, HandlerDescription};
use tidings::topic;

use super::channel::{channel, parameters};
use super::message::{any_message, message};
use super::{AsyncApi, identifier, reference, summary};
use crate::documents::event_schema::Side;

/// Adds one receive operation per pattern of a handler.
pub(super) fn received(document: &mut AsyncApi, service: &Description, handler: &HandlerDescription) {
    let named: Vec<&str> = handler.takes.iter().map(EventDescriptor::event_type).collect();
    for pattern in &handler.patterns {
        let mut messages: Vec<String> = handler
            .takes
            .iter()
            .filter(|event| {
                event
                    .versions()
                    .any(|event| topic::overlap(pattern, event.key_pattern()))
            })
            .flat_map(EventDescriptor::versions)
            .map(|event| message(document, event, Side::Reader).0)
            .collect();
        if handler.handler.takes_any() {
            messages.push(any_message(document, handler.handler.name(), &named));
        }
        let channel = channel(document, pattern, &messages);
        let mut operation = operation("receive", &channel, &messages);
        operation.insert("title".to_owned(), json!(handler.handler.name()));
        summary(handler.handler.description(), &mut operation);
        operation.insert(
            "bindings".to_owned(),
            json!({"amqp": {"ack": true, "bindingVersion": "0.3.0"}}),
        );
        operation.extend(facts(service, handler));
        let name = format!(
            "{}.{}.receives.{channel}",
            document.service,
            handler.handler.name()
        );
        document
            .operations
            .insert(identifier(&name), Value::Object(operation));
    }
}

/// Adds a send operation of a handler, or of the service.
pub(super) fn sent(document: &mut AsyncApi, event: &EventDescriptor, handler: Option<&str>) {
    let (message, data) = message(document, event, Side::Writer);
    let channel = channel(document, event.routing_key(), std::slice::from_ref(&message));
    parameters(document, &channel, event, &data);
    let service = document.service.clone();
    let name = match handler {
        Some(handler) => format!("{service}.{handler}.sends.{message}"),
        None => format!("{service}.sends.{message}"),
    };
    let mut operation = operation("send", &channel, &[message]);
    operation.insert("title".to_owned(), json!(handler.unwrap_or(&service)));
    operation.insert(
        "bindings".to_owned(),
        json!({"amqp": {"deliveryMode": 2, "timestamp": true, "bindingVersion": "0.3.0"}}),
    );
    operation.insert("x-tidings-service".to_owned(), json!(service));
    if let Some(handler) = handler {
        operation.insert("x-tidings-handler".to_owned(), json!(handler));
    }
    document
        .operations
        .insert(identifier(&name), Value::Object(operation));
}

fn operation(action: &str, channel: &str, messages: &[String]) -> Map<String, Value> {
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| reference(&format!("channels/{channel}/messages/{message}")))
        .collect();
    let mut operation = Map::new();
    operation.insert("action".to_owned(), json!(action));
    operation.insert("channel".to_owned(), reference(&format!("channels/{channel}")));
    operation.insert("messages".to_owned(), Value::Array(messages));
    operation
}

/// Returns members for the queue, the retries, the dead letters and the concurrency, which AsyncAPI itself lacks.
fn facts(service: &Description, handler: &HandlerDescription) -> Map<String, Value> {
    let described = &handler.handler;
    let mut facts = Map::new();
    let mut add = |name: &str, value: Value| facts.insert(format!("x-tidings-{name}"), value);
    add("service", json!(service.service));
    add("handler", json!(described.name()));
    add("concurrency", json!(described.concurrency()));
    add("prefetch", json!(described.prefetch()));
    add("timeout", json!(text_of(described.timeout())));
    let delays: Vec<String> = handler.rungs.iter().map(|&rung| text_of(rung)).collect();
    let in_place = described.ordered() || described.ephemeral();
    let mut retries = json!({"attempts": described.attempts(), "delays": delays});
    retries["where"] = json!(if in_place { "in place" } else { "delay queues" });
    add("retries", retries);
    if described.ordered() {
        add("ordered-by", json!("aggregateId"));
    }
    let Some(queue) = &handler.queue else {
        add("queue", json!({"ephemeral": true}));
        return facts;
    };
    let arguments = |name: &str| {
        let planned = service.plan.queues.iter().find(|queue| queue.name == name);
        json!(planned.map(|queue| &queue.arguments))
    };
    add(
        "queue",
        json!({"name": queue, "durable": true, "arguments": arguments(queue)}),
    );
    let dead_letters = service.plan.bindings.iter().find(|binding| {
        binding.queue == binding.pattern && binding.queue.strip_suffix(".dlq") == Some(queue)
    });
    if let Some(dead_letters) = dead_letters {
        add(
            "dead-letters",
            json!({"queue": dead_letters.queue, "exchange": dead_letters.exchange}),
        );
    }
    facts
}

/// Formats a duration: `1s`, `5m`, `1h`, `50ms`.
fn text_of(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if duration.subsec_nanos() > 0 || seconds == 0 => format!("{duration:?}"),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}
