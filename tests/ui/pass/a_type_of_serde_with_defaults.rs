use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, EventDescriptor};

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[serde(rename_all = "camelCase", default)]
struct OrderCreated {
    order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Default for OrderCreated {
    fn default() -> Self {
        Self { order_id: String::new(), note: None }
    }
}

pub(super) fn main() {
    let event = EventDescriptor::of::<OrderCreated>();
    assert!(event.reader_schema().get("required").is_none());
}
