use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod vendor {
    pub use tidings as news;
}

// The generated code must not use the name `tidings`, so this module hides the crate.
mod tidings {}

#[derive(Serialize, Deserialize, JsonSchema, vendor::news::DomainEvent)]
#[event(type = "order.created", crate = vendor::news)]
struct Created {
    id: u32,
}

#[derive(vendor::news::DomainEvent)]
#[event(crate = crate::crate_by_another_name::vendor::news)]
enum Any {
    Created(Created),
    #[event(other)]
    Other(vendor::news::AnyEvent),
}

#[vendor::news::event_handler("order.*", crate = vendor::news)]
async fn follow(_event: Any, _delivery: vendor::news::Delivery) -> Option<Created> {
    None
}

pub(super) fn main() {
    let _ = vendor::news::events![crate = vendor::news; Created];
    let _ = vendor::news::App::new("shop").handlers(vendor::news::handlers![crate = vendor::news; follow]);
}
