// The code that the derive generates does not warn about its own deprecated event.
#![deny(deprecated)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, EventDescriptor};

#[deprecated(since = "2.0", note = "use order.placed")]
#[derive(DomainEvent)]
pub struct OrderCreated {
    pub order_id: u64,
}

mod by_hand {
    #![allow(deprecated)]
    use super::*;

    impl Serialize for OrderCreated {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.order_id.serialize(serializer)
        }
    }
    impl<'de> Deserialize<'de> for OrderCreated {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            u64::deserialize(deserializer).map(|order_id| Self { order_id })
        }
    }
    impl JsonSchema for OrderCreated {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "OrderCreated".into()
        }
        fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
            u64::json_schema(generator)
        }
    }
    pub fn note() -> Option<&'static str> {
        EventDescriptor::of::<OrderCreated>().deprecated()
    }
}

pub(super) fn main() {
    assert_eq!(by_hand::note(), Some("use order.placed"));
}
