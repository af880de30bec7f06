//! Header tables: names and values of any AMQP type, kept in the order they came in.

use std::fmt;

/// A header's value, of any type that AMQP 0-9-1 as RabbitMQ speaks it can carry
/// (<https://www.rabbitmq.com/docs/amqp-0-9-1-errata#section_3>).
///
/// Every type is kept as it came, so that a republished event carries the same headers byte for byte.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum HeaderValue {
    /// `t`: true or false.
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
    /// `D`: a decimal, `value` over ten to the power of `scale`.
    Decimal {
        /// How many decimal places `value` has.
        scale: u8,
        /// The digits.
        value: u32,
    },
    /// `S`: a text.
    Text(String),
    /// `S` that is not UTF-8.
    RawText(Vec<u8>),
    /// `x`: bytes.
    Bytes(Vec<u8>),
    /// `T`: seconds since 1970, which some clients fill with milliseconds.
    Timestamp(u64),
    /// `A`: a list of values.
    List(Vec<HeaderValue>),
    /// `F`: a table of its own.
    Table(Headers),
    /// `V`: nothing.
    Void,
}

impl HeaderValue {
    /// The text, when the value is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when the value is an integer of any width and fits.
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

    /// About how many bytes the value takes on the wire.
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

/// A table of headers. Names are compared as they stand; a name set twice keeps the later value.
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
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets `name` to `value`, in place of an older value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<HeaderValue>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// The value of `name` when it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The text of `name` whatever the case it is written in, as HTTP and W3C headers are read.
    pub fn text_ignoring_case(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?
            .1
            .as_str()
    }

    /// Removes `name` and gives what it held.
    pub fn remove(&mut self, name: &str) -> Option<HeaderValue> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the headers for which `keep` answers true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &HeaderValue) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// Every name and value, in the order they came in.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About how many bytes the table takes on the wire.
    pub(crate) fn wire_size(&self) -> usize {
        4 + self
            .0
            .iter()
            .map(|(name, value)| 1 + name.len() + value.wire_size())
            .sum::<usize>()
    }
}

impl Headers {
    /// The entries as they stand. The caller knows that no name comes twice.
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
