//! From an event type to its contract.

use tidings::EventDescriptor;

use crate::contract::Contract;

impl Contract {
    /// The contract of an event type as this build has it.
    ///
    /// ```
    /// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, EventDescriptor};
    /// use tidings_contracts::Contract;
    ///
    /// /// A customer placed an order.
    /// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    /// struct OrderCreated { order_id: String }
    ///
    /// let contract = Contract::of(&EventDescriptor::of::<OrderCreated>());
    /// assert_eq!(contract.file_name(), "order.created.v1.json");
    /// assert_eq!(contract.writer["required"][0], "order_id");
    /// ```
    pub fn of(event: &EventDescriptor) -> Self {
        Self {
            routing_key: event.routing_key().to_owned(),
            description: event.description().map(str::to_owned),
            deprecated: event.deprecated().map(str::to_owned),
            ..Self::new(
                event.event_type(),
                event.version(),
                event.writer_schema().to_value(),
                event.reader_schema().to_value(),
            )
        }
    }
}
