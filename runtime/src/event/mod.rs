//! Events: the derived trait, families, metadata, and the event as a handler takes it.

mod any;
pub(crate) mod decode;
pub(crate) mod derive;
pub(crate) mod descriptor;
mod family;
#[cfg(feature = "contracts")]
pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod payload;
pub(crate) mod schema;
mod typed;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use any::AnyEvent;
pub use family::EventFamily;
pub use metadata::Metadata;
pub use typed::Event;

use self::decode::DecodeError;
use self::descriptor::EventDescriptor;
use crate::message::routing_key::RoutingKeyError;

/// A fact of the domain, with its event type and routing key. Implement it with the derive.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] with #[event(type = \"…\")]"
)]
pub trait DomainEvent: Serialize + DeserializeOwned + JsonSchema + Send + Sync + Sized + 'static {
    /// The event type, `order.created`.
    const TYPE: &'static str;
    /// The version. Raise it only for a change that breaks readers.
    const VERSION: u32;
    /// The routing key of the attribute, with its `{field}`s.
    const ROUTING_KEY: &'static str;
    /// The pattern that matches every routing key of the event: `*` in place of each `{field}`.
    const KEY_PATTERN: &'static str;
    /// The doc comment of the event.
    const DESCRIPTION: Option<&'static str>;
    /// The note of `#[deprecated]`; empty for an attribute without a note, `None` without the attribute.
    const DEPRECATED: Option<&'static str>;
    /// The path of the Rust type, `shop::events::OrderCreated`.
    #[doc(hidden)]
    const RUST_TYPE: &'static str;
    /// The version that this one is upcast from.
    #[doc(hidden)]
    const OLDER: Option<&'static EventDescriptor> = None;

    /// The routing key of this event, with its fields filled in.
    ///
    /// # Errors
    /// When the text of a field is empty or contains `.`, `*` or `#`, and when the key is longer than 255 bytes.
    fn routing_key(&self) -> Result<Cow<'static, str>, RoutingKeyError>;

    /// The id of the aggregate that the event is about.
    fn aggregate_id(&self) -> String;

    /// The event of `#[event(example = ..)]`.
    #[doc(hidden)]
    fn contract_example() -> Option<Self> {
        None
    }

    /// Decodes an older version and upcasts it; `None` when no older version is declared.
    #[doc(hidden)]
    fn decode_older(_version: u32, _data: &str) -> Option<Result<Self, DecodeError>> {
        None
    }
}
