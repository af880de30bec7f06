//! Messages as a broker transports them: address, properties, headers and body. Nothing here depends on events.

pub(crate) mod headers;
pub(crate) mod properties;
pub(crate) mod reason;
pub(crate) mod routing_key;
pub(crate) mod shown;
pub(crate) mod timestamp;
pub mod topic;

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::message::headers::Headers;
use crate::message::properties::CompactProperties;

/// A message that is published or received.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Message {
    /// The exchange that the message was published to. Empty for the default exchange.
    pub(crate) exchange: Arc<str>,
    pub(crate) routing_key: Arc<str>,
    pub(crate) properties: CompactProperties,
    pub(crate) headers: Headers,
    pub(crate) body: Content,
}

/// The bytes of a body.
///
/// A received body is checked for UTF-8 once. Readers then borrow parts of the text without a copy.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Text(String),
    /// Bytes that are not UTF-8, or were not checked.
    Bytes(Vec<u8>),
}

impl Content {
    /// The body of a received message.
    pub(crate) fn received(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }

    /// Checks an unchecked body for UTF-8.
    pub(crate) fn detect_text(&mut self) {
        if let Self::Bytes(bytes) = self {
            *self = Self::received(std::mem::take(bytes));
        }
    }

    /// The body, when it is known to be UTF-8.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(_) => None,
        }
    }

    /// The byte range of `part`, when `part` is borrowed from this very text. `None` for an equal string elsewhere.
    pub(crate) fn range_of(&self, part: &str) -> Option<Range<usize>> {
        let text = self.text()?;
        let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        (end <= text.len()).then_some(start..end)
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

#[cfg(test)]
impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(text.into())
    }
}

#[cfg(any(test, feature = "testing"))]
impl From<Content> for Vec<u8> {
    fn from(content: Content) -> Self {
        match content {
            Content::Text(text) => text.into_bytes(),
            Content::Bytes(bytes) => bytes,
        }
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_received_utf_8_body_is_text() {
        assert_eq!(Content::received("früh".into()).text(), Some("früh"));
        let binary = Content::received(vec![b'a', 0xff]);
        assert_eq!((binary.text(), &*binary), (None, &[b'a', 0xff][..]));
    }

    #[test]
    fn a_borrowed_part_has_a_range_and_an_equal_string_has_none() {
        let content = Content::received(br#"{"data":7}"#.into());
        let part = &content.text().unwrap()[8..9];
        assert_eq!(content.range_of(part), Some(8..9));
        assert_eq!(content.range_of(&String::from(part)), None);
        assert_eq!(content.range_of(content.text().unwrap()), Some(0..10));
        let unchecked = Content::from(content.to_vec());
        assert_eq!(unchecked, content);
        assert_eq!(unchecked.range_of(part), None);
    }
}
