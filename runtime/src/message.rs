//! A message: what a broker carries. Bytes with an address, properties and headers; it knows nothing of events.

use std::sync::Arc;

use crate::headers::Headers;
use crate::properties::CompactProperties;

/// One message as a broker took it or gives it out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Message {
    /// The exchange it was published to; empty for the default exchange.
    pub(crate) exchange: Arc<str>,
    /// Its routing key.
    pub(crate) routing_key: Arc<str>,
    /// Its properties.
    pub(crate) properties: CompactProperties,
    /// Its headers.
    pub(crate) headers: Headers,
    /// Its body.
    pub(crate) body: Vec<u8>,
}
