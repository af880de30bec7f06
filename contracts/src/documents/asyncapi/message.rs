//! Messages of a document: one version of an event, seen by its writer or by one of its readers.

use serde_json::{Map, Value, json};
use tidings::EventDescriptor;

use super::{AsyncApi, identifier, reference, summary};
use crate::contract::Contract;
use crate::documents::draft7::draft7;
use crate::documents::event_schema::{DEFINITIONS, Side, envelope};
use crate::keyword;

const HEADERS: &str = "headers";

/// Adds the message of an event; returns its name and the schema of its data.
///
/// All writers write the same event, so they share one message. Each service reads its own part of the event, so each
/// reader has its own message.
pub(super) fn message(document: &mut AsyncApi, event: &EventDescriptor, side: Side) -> (String, Value) {
    let contract = Contract::of(event);
    let own = format!("{}.v{}", contract.event_type, contract.version);
    let name = identifier(&match side {
        Side::Writer => own,
        Side::Reader => format!("{}.{own}", document.service),
    });
    let (data, definitions) = contract.data_schema(side);
    let mut payload = envelope(
        &json!({"const": contract.event_type}),
        Some(contract.version),
        side,
    );
    payload["properties"]["data"] = moved(data.clone(), &name);
    for (definition, schema) in &definitions {
        let place = format!("{name}.{}", identifier(definition));
        let mut schema = moved(schema.clone(), &name);
        // AsyncAPI states the draft in another way.
        if let Value::Object(schema) = &mut schema {
            schema.remove("$schema");
        }
        document.schemas.insert(place, schema);
    }

    let mut message = Map::new();
    message.insert("name".to_owned(), json!(contract.event_type));
    message.insert("title".to_owned(), json!(contract.title()));
    summary(contract.description.as_deref(), &mut message);
    if let Some(note) = &contract.deprecated {
        message.insert("deprecated".to_owned(), json!(true));
        if !note.is_empty() {
            message.insert("x-tidings-deprecated".to_owned(), json!(note));
        }
    }
    message.insert(
        "bindings".to_owned(),
        json!({"amqp": {
            "messageType": contract.event_type, "bindingVersion": "0.3.0",
        }}),
    );
    message.insert("x-tidings-version".to_owned(), json!(contract.version));
    message.insert("x-tidings-contract".to_owned(), json!(contract.file_name()));
    let examples = examples(&contract);
    if !examples.is_empty() {
        message.insert("examples".to_owned(), Value::Array(examples));
    }
    finish(document, &name, message, payload);
    let root = data
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| definitions.get(reference.strip_prefix(DEFINITIONS)?))
        .cloned();
    (name, root.unwrap_or_default())
}

/// Adds a message for the events that a handler takes without naming their types.
pub(super) fn any_message(document: &mut AsyncApi, handler: &str, named: &[&str]) -> String {
    let name = identifier(&format!("{}.{handler}.other", document.service));
    let event_type = if named.is_empty() {
        json!({})
    } else {
        json!({"not": {"enum": named}})
    };
    let payload = envelope(&event_type, None, Side::Reader);
    let mut message = Map::new();
    message.insert("name".to_owned(), json!("other"));
    message.insert("title".to_owned(), json!("Any other event"));
    finish(document, &name, message, payload);
    name
}

/// Adds the members that every message has.
fn finish(document: &mut AsyncApi, name: &str, mut message: Map<String, Value>, payload: Map<String, Value>) {
    document.schemas.insert(HEADERS.to_owned(), headers());
    message.insert("contentType".to_owned(), json!("application/json"));
    message.insert(
        "correlationId".to_owned(),
        json!({
            "description": "What started the chain of events that this one belongs to.",
            "location": "$message.payload#/correlationId",
        }),
    );
    message.insert(
        "headers".to_owned(),
        reference(&format!("components/schemas/{HEADERS}")),
    );
    message.insert("payload".to_owned(), draft7(Value::Object(payload)));
    document.messages.insert(name.to_owned(), Value::Object(message));
}

fn headers() -> Value {
    json!({
        "type": "object",
        "description": "W3C trace context; a publisher may add its own.",
        "properties": {
            "traceparent": {"type": "string"},
            "tracestate": {"type": "string"},
        },
    })
}

/// Converts a schema to draft-07, and moves its references to the document's schemas.
fn moved(mut schema: Value, message: &str) -> Value {
    keyword::walk(&mut schema, &mut |_, schema| {
        if let Some(Value::String(reference)) = schema.get_mut("$ref")
            && let Some(definition) = reference.strip_prefix(DEFINITIONS)
        {
            // The name has no slashes, so undo the escapes of the pointer.
            let definition = definition.replace("~1", "/").replace("~0", "~");
            *reference = format!("#/components/schemas/{message}.{}", identifier(&definition));
        }
    });
    draft7(schema)
}

/// The examples of the contract in their envelopes.
fn examples(contract: &Contract) -> Vec<Value> {
    let id = "0193c5a8-7c10-7b41-8a55-0d1f6b7c9e21";
    let examples = contract.examples.iter();
    examples
        .map(|data| {
            json!({"payload": {
                "id": id,
                "type": contract.event_type,
                "timestamp": "2026-11-23T10:00:00.123Z",
                "correlationId": id,
                "version": contract.version,
                "data": data,
            }})
        })
        .collect()
}
