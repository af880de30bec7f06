//! The events as messages: in the envelope of Tidings, and as a CloudEvent in structured and binary form.

use serde_json::json;
use tidings::__bench::Wire;
use tidings::__private::Payload;
use tidings::{Headers, Properties};

use crate::event::OrderCreated;

/// The event in its envelope, as a broker delivers it.
pub fn of<T: Payload>(event: &T) -> Wire {
    Wire::written(event).received()
}

/// A structured CloudEvent: one JSON object.
pub fn structured(event: &OrderCreated) -> Wire {
    let body = json!({
        "specversion": "1.0",
        "id": "01935a1c-2b3c-7d4e-8f50-617283940a1b",
        "type": "order.created",
        "source": "bench",
        "time": "2026-11-23T10:00:00.123Z",
        "subject": event.order_id,
        "datacontenttype": "application/json",
        "data": event,
    });
    let properties = Properties {
        content_type: Some("application/cloudevents+json".to_owned()),
        ..Properties::default()
    };
    let body = body.to_string().into_bytes();
    Wire::foreign("order.created", properties, Headers::new(), body).received()
}

/// A binary CloudEvent: its attributes are headers.
pub fn binary(event: &OrderCreated) -> Wire {
    let mut headers = Headers::new();
    for (name, value) in [
        ("cloudEvents_specversion", "1.0"),
        ("cloudEvents_id", "01935a1c-2b3c-7d4e-8f50-617283940a1b"),
        ("cloudEvents_type", "order.created"),
        ("cloudEvents_source", "bench"),
        ("cloudEvents_time", "2026-11-23T10:00:00.123Z"),
    ] {
        headers.set(name, value);
    }
    let properties = Properties {
        content_type: Some("application/json".to_owned()),
        ..Properties::default()
    };
    let body = json!(event).to_string().into_bytes();
    Wire::foreign("order.created", properties, headers, body).received()
}
