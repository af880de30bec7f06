//! A message: what a broker carries. Bytes with an address, properties and headers; it knows nothing of events.

pub(crate) mod headers;
pub(crate) mod properties;
pub(crate) mod reason;
pub(crate) mod routing_key;
pub(crate) mod timestamp;
pub mod topic;

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::message::headers::Headers;
use crate::message::properties::CompactProperties;

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
    pub(crate) body: Content,
}

/// The bytes of a body. Those that a broker gave out are looked at once, so that whoever reads them knows a text for one,
/// and can lend parts of it without a copy.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Known to be UTF-8.
    Text(String),
    /// Anything: nobody has looked.
    Bytes(Vec<u8>),
}

impl Content {
    /// What a broker gave out.
    pub(crate) fn received(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }

    /// Looks whether it is text, if nobody has.
    pub(crate) fn detect_text(&mut self) {
        if let Self::Bytes(bytes) = self {
            *self = Self::received(std::mem::take(bytes));
        }
    }

    /// All of it, if it is known to be text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(_) => None,
        }
    }

    /// Where `part` stands in the text, when it was lent by this very one; an equal text from elsewhere stands nowhere.
    pub(crate) fn place_of(&self, part: &str) -> Option<Range<usize>> {
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
    fn what_a_broker_gave_out_is_text_when_it_is_utf_8() {
        assert_eq!(Content::received("früh".into()).text(), Some("früh"));
        let other = Content::received(vec![b'a', 0xff]);
        assert_eq!((other.text(), &*other), (None, &[b'a', 0xff][..]));
    }

    #[test]
    fn a_part_is_found_where_it_was_lent_and_an_equal_one_nowhere() {
        let content = Content::received(br#"{"data":7}"#.into());
        let part = &content.text().unwrap()[8..9];
        assert_eq!(content.place_of(part), Some(8..9));
        assert_eq!(content.place_of(&String::from(part)), None);
        assert_eq!(content.place_of(content.text().unwrap()), Some(0..10));
        let unknown = Content::from(content.to_vec());
        assert_eq!(unknown, content);
        assert_eq!(unknown.place_of(part), None);
    }
}
