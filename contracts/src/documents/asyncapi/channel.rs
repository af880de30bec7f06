//! Channels of a document: one per routing key or pattern.

use serde_json::{Map, Value, json};
use tidings::EventDescriptor;

use super::{AsyncApi, identifier, reference};

/// Adds a channel with these messages for a routing key or pattern, and returns its name.
///
/// The address of a routing key is the key in the attribute: `order.shipped.{region}` is an expression in AsyncAPI.
pub(super) fn channel(document: &mut AsyncApi, address: &str, messages: &[String]) -> String {
    let name = name_of(address);
    let exchange = document.exchange.clone();
    let channel = document
        .channels
        .entry(name.clone())
        .or_insert_with(|| empty(address, &exchange));
    for message in messages {
        channel["messages"][message] = reference(&format!("components/messages/{message}"));
    }
    name
}

/// Describes the fields in a routing key.
pub(super) fn parameters(document: &mut AsyncApi, name: &str, event: &EventDescriptor, data: &Value) {
    let mut parameters = Map::new();
    for field in fields(event.routing_key()) {
        let mut parameter = json!({"description": format!("The field `{field}` of the event.")});
        // A field with another name on the wire is not found here, so it has no location.
        if data
            .get("properties")
            .is_some_and(|properties| properties.get(field).is_some())
        {
            parameter["location"] = json!(format!("$message.payload#/data/{field}"));
        }
        parameters.insert(field.to_owned(), parameter);
    }
    if !parameters.is_empty()
        && let Some(channel) = document.channels.get_mut(name)
    {
        channel["parameters"] = Value::Object(parameters);
    }
}

fn empty(address: &str, exchange: &str) -> Value {
    json!({
        "address": address,
        "messages": {},
        "bindings": {"amqp": {
            "is": "routingKey",
            "exchange": {"name": exchange, "type": "topic", "durable": true, "autoDelete": false},
            "bindingVersion": "0.3.0",
        }},
    })
}

/// Returns a channel's name: its address without characters that a reference cannot have.
fn name_of(address: &str) -> String {
    let words: Vec<String> = address
        .split('.')
        .map(|word| match word {
            "*" => "any-word".to_owned(),
            "#" => "any-words".to_owned(),
            word => identifier(word.trim_start_matches('{').trim_end_matches('}')),
        })
        .collect();
    words.join(".")
}

fn fields(routing_key: &str) -> impl Iterator<Item = &str> {
    routing_key
        .split('.')
        .filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_name_is_its_address_without_reserved_characters() {
        assert_eq!(name_of("order.created"), "order.created");
        assert_eq!(name_of("order.*.#"), "order.any-word.any-words");
        assert_eq!(name_of("order.shipped.{region}"), "order.shipped.region");
        assert_eq!(name_of("order.ä b"), "order.__b");
    }
}
