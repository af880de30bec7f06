use crate::message::headers::{HeaderValue, Headers};

/// Options of a single publish, for [`Bus::publish_with`](crate::Bus::publish_with).
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{Bus, DomainEvent};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> tidings::Result<()> {
/// use tidings::PublishOptions;
///
/// # let bus = Bus::in_memory();
/// let order = OrderCreated { order_id: "o-1".into() };
/// bus.publish_with(&order, PublishOptions::new().header("tenant", "acme")).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    pub(super) headers: Headers,
    pub(super) mandatory: bool,
    pub(super) id: Option<String>,
}

impl PublishOptions {
    /// Creates options that set nothing: no headers, not mandatory, a new id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header to the message.
    ///
    /// The publish fails when the name is reserved: names that start with `tidings-`, the trace headers `traceparent`
    /// and `tracestate`, headers that RabbitMQ acts on (`CC`, `BCC`, `x-death`), and the CloudEvents header
    /// `specversion` in all its forms.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<HeaderValue>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Makes the publish fail when no queue receives the event.
    ///
    /// Without this option, such a publish succeeds and the broker drops the event.
    pub fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    /// Publishes the event with this id instead of a new one.
    ///
    /// Use it to publish an event again that may have been delivered, or to publish from a transactional outbox. A
    /// consumer that remembers ids then processes the event once.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}
