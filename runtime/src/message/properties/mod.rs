//! The AMQP properties of a message.

mod compact;

pub(crate) use compact::{BorrowedProperties, CompactProperties};

/// The AMQP 0-9-1 properties of a message
/// (<https://www.rabbitmq.com/docs/publishers#message-properties>). Every property can be absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// The media type of the body, for example `application/json`.
    pub content_type: Option<String>,
    /// The encoding of the body, for example `gzip`.
    pub content_encoding: Option<String>,
    /// Whether the broker stores the message on disk (`delivery_mode` 2).
    pub persistent: bool,
    /// The priority of the message, from 0.
    pub priority: Option<u8>,
    /// The id that all messages of one request have in common.
    pub correlation_id: Option<String>,
    /// The queue for a reply.
    pub reply_to: Option<String>,
    /// The time in milliseconds after which the broker may drop the message, as a decimal string.
    pub expiration: Option<String>,
    /// The id of the message. For an event, the id of the event.
    pub message_id: Option<String>,
    /// The time of the message in seconds since 1970. Some clients send milliseconds.
    pub timestamp: Option<u64>,
    /// The event type: the AMQP property `type`.
    pub kind: Option<String>,
    /// The user who published the message. The broker verifies it.
    pub user_id: Option<String>,
    /// The service that published the message.
    pub app_id: Option<String>,
}
