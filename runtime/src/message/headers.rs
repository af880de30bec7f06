//! Message headers: names with values of any AMQP type, in their original order.

use std::fmt;

/// The value of a header, of any AMQP 0-9-1 type that RabbitMQ supports
/// (<https://www.rabbitmq.com/docs/amqp-0-9-1-errata#section_3>).
///
/// Every type is preserved, so a retried or dead-lettered event has the same headers byte for byte. The letter of a
/// variant is its type tag on the wire.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum HeaderValue {
    /// `t`: a boolean.
    Bool(bool),
    /// `b`: a signed 8-bit integer.
    I8(i8),
    /// `B`: an unsigned 8-bit integer.
    U8(u8),
    /// `s`: a signed 16-bit integer.
    I16(i16),
    /// `u`: an unsigned 16-bit integer.
    U16(u16),
    /// `I`: a signed 32-bit integer.
    I32(i32),
    /// `i`: an unsigned 32-bit integer.
    U32(u32),
    /// `l`: a signed 64-bit integer.
    I64(i64),
    /// `f`: a 32-bit float.
    F32(f32),
    /// `d`: a 64-bit float.
    F64(f64),
    /// `D`: a decimal number, `value` divided by ten to the power of `scale`.
    Decimal {
        /// The number of decimal places.
        scale: u8,
        /// The number without its decimal point.
        value: u32,
    },
    /// `S`: a UTF-8 string.
    Text(String),
    /// `S`: a string that is not UTF-8.
    RawText(Vec<u8>),
    /// `x`: bytes.
    Bytes(Vec<u8>),
    /// `T`: a time in seconds since 1970. Some clients send milliseconds.
    Timestamp(u64),
    /// `A`: a list of values.
    List(Vec<HeaderValue>),
    /// `F`: a nested table.
    Table(Headers),
    /// `V`: no value.
    Void,
}

impl HeaderValue {
    /// Returns the string of a [`Text`](Self::Text), otherwise `None`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number of an integer of any width, otherwise `None`.
    pub fn as_i64(&self) -> Option<i64> {
        Some(match *self {
            Self::I8(n) => n.into(),
            Self::U8(n) => n.into(),
            Self::I16(n) => n.into(),
            Self::U16(n) => n.into(),
            Self::I32(n) => n.into(),
            Self::U32(n) => n.into(),
            Self::I64(n) => n,
            _ => return None,
        })
    }

    /// The approximate size on the wire, in bytes.
    pub(crate) fn wire_size(&self) -> usize {
        1 + match self {
            Self::Void => 0,
            Self::Bool(_) | Self::I8(_) | Self::U8(_) => 1,
            Self::I16(_) | Self::U16(_) => 2,
            Self::I32(_) | Self::U32(_) | Self::F32(_) => 4,
            Self::Decimal { .. } => 5,
            Self::I64(_) | Self::F64(_) | Self::Timestamp(_) => 8,
            Self::Text(text) => 4 + text.len(),
            Self::RawText(bytes) | Self::Bytes(bytes) => 4 + bytes.len(),
            Self::List(values) => 4 + values.iter().map(Self::wire_size).sum::<usize>(),
            Self::Table(table) => table.wire_size(),
        }
    }
}

impl fmt::Display for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            other => write!(f, "{other:?}"),
        }
    }
}

impl From<&str> for HeaderValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for HeaderValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for HeaderValue {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<u32> for HeaderValue {
    fn from(number: u32) -> Self {
        Self::I64(number.into())
    }
}

impl From<bool> for HeaderValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// The headers of a message: names and values, in order.
///
/// Names are case-sensitive. Setting a name again replaces its value.
///
/// ```
/// use tidings::Headers;
/// let mut headers = Headers::new();
/// headers.set("tenant", "acme");
/// assert_eq!(headers.text("tenant"), Some("acme"));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Headers(Vec<(String, HeaderValue)>);

impl Headers {
    /// Creates empty headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets `name` to `value`. Replaces an older value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<HeaderValue>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Returns the value of `name`.
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// Returns the value of `name`, when it is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Returns the value of `name`, ignoring the case of the name, when it is a string.
    pub fn text_ignoring_case(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?
            .1
            .as_str()
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<HeaderValue> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Removes the headers for which `keep` returns `false`.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &HeaderValue) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// Iterates over all names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no headers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The approximate size on the wire, in bytes.
    pub(crate) fn wire_size(&self) -> usize {
        4 + self
            .0
            .iter()
            .map(|(name, value)| 1 + name.len() + value.wire_size())
            .sum::<usize>()
    }

    /// Creates headers from entries whose names are unique.
    #[cfg(feature = "rabbitmq")]
    pub(crate) fn of_unique(entries: Vec<(String, HeaderValue)>) -> Self {
        Self(entries)
    }
}

impl<N: Into<String>, V: Into<HeaderValue>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in entries {
            headers.set(name, value);
        }
        headers
    }
}
