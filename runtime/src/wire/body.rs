//! The body of a message as text, with its size and depth checked.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits::Limits;
use super::malformed::MalformedKind;
use super::object::{MemberName, Object};
use crate::message::Message;

/// A body within the limits, ready to be parsed.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    text: &'a str,
    /// The number of bytes before `text`: those of a byte order mark.
    offset: usize,
}

const BYTE_ORDER_MARK: char = '\u{feff}';

impl<'a> Body<'a> {
    /// Checks the limits. The body can still be empty or invalid JSON.
    pub(crate) fn of(message: &'a Message, limits: &Limits) -> Result<Self, MalformedKind> {
        let bytes = &*message.body;
        let limit = limits.max_body_bytes;
        if bytes.len() > limit {
            return Err(MalformedKind::TooLarge {
                bytes: bytes.len(),
                limit,
            });
        }
        let all = match message.body.text() {
            Some(text) => text,
            None => std::str::from_utf8(bytes).map_err(|error| MalformedKind::NotUtf8 {
                at: error.valid_up_to(),
                encoding: message.properties.content_encoding().map(ToOwned::to_owned),
            })?,
        };
        let text = all.strip_prefix(BYTE_ORDER_MARK).unwrap_or(all);
        let offset = all.len() - text.len();
        match limits.too_deep_at(text.as_bytes()) {
            Some(at) => Err(MalformedKind::TooDeep {
                at: offset + at,
                limit: limits.max_depth,
            }),
            None => Ok(Self { text, offset }),
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.first().is_none()
    }

    /// The body as one JSON value of any kind.
    pub(crate) fn raw(&self) -> Result<&'a RawValue, MalformedKind> {
        serde_json::from_str(self.text).map_err(|error| self.not_json(error))
    }

    /// The body as a `T`, or `None` when it is anything else.
    pub(crate) fn parse<T: Deserialize<'a>>(&self) -> Option<T> {
        serde_json::from_str(self.text).ok()
    }

    /// The body as a JSON object.
    pub(crate) fn object<N: MemberName>(&self) -> Result<Object<'a, N>, MalformedKind> {
        let found = match self.first() {
            Some(b'{') => return serde_json::from_str(self.text).map_err(|error| self.not_json(error)),
            None => return Err(MalformedKind::Empty),
            Some(b'"') => "a bare JSON string",
            Some(b'[') => "a JSON array",
            Some(b'n') => "`null`",
            Some(b't' | b'f') => "a bare JSON boolean",
            Some(b'-' | b'0'..=b'9') => "a bare JSON number",
            Some(_) => "no JSON",
        };
        Err(MalformedKind::NotAnObject { found })
    }

    fn first(&self) -> Option<u8> {
        self.text
            .bytes()
            .find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    fn not_json(&self, error: serde_json::Error) -> MalformedKind {
        MalformedKind::not_json("the body", self.text, self.offset, error)
    }
}
