//! The properties of a message: what AMQP says of it beside its address, its headers and its body.

mod compact;

pub(crate) use compact::{BorrowedProperties, CompactProperties};

/// The properties of a message, as AMQP 0-9-1 names them
/// (<https://www.rabbitmq.com/docs/publishers#message-properties>). Any of them may be absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// The body's media type.
    pub content_type: Option<String>,
    /// The body's encoding.
    pub content_encoding: Option<String>,
    /// Whether the broker keeps the message on disk (`delivery_mode` 2).
    pub persistent: bool,
    /// The message's priority.
    pub priority: Option<u8>,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// Where an answer is expected.
    pub reply_to: Option<String>,
    /// After how many milliseconds a broker may drop the message.
    pub expiration: Option<String>,
    /// The message's id.
    pub message_id: Option<String>,
    /// When it was made: seconds since 1970, which some clients fill with milliseconds.
    pub timestamp: Option<u64>,
    /// The event type.
    pub kind: Option<String>,
    /// The user who published, checked by the broker.
    pub user_id: Option<String>,
    /// The service that published.
    pub app_id: Option<String>,
}
