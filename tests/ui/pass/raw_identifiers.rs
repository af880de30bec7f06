use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, event_handler, events, handlers};

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.moved", aggregate_id = r#type, routing_key = "order.moved.{type}.{in}")]
struct r#Moved {
    r#type: String,
    r#in: u32,
}

#[event_handler(r#queue = "moves")]
async fn r#move(r#in: Moved) {
    drop(r#in);
}

pub(super) fn main() {
    let moved = Moved { r#type: "a".to_owned(), r#in: 1 };
    assert_eq!(moved.routing_key().unwrap(), "order.moved.a.1");
    assert_eq!(events![r#Moved][0].rust_type().rsplit("::").next(), Some("Moved"));
    let app = App::new("moves").handlers(handlers![r#move]);
    assert_eq!(app.describe().handlers[0].handler.name(), "move");
}
