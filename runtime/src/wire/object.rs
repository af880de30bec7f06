//! A JSON object whose known members are kept as the raw text they came as.
//!
//! One pass over the body finds them; `data` is decoded later, by a handler, or never. A derived struct would not do:
//! it refuses a name that stands twice and cannot tell `null` from absent.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::malformed::MalformedKind;
use crate::message::timestamp::Timestamp;

/// The names an object is searched for.
pub(crate) trait Name: for<'de> Deserialize<'de> {
    /// Where the member is kept; `None` for a name that is not searched for.
    fn slot(&self) -> Option<usize>;
}

/// More than any of the name sets has.
const SLOTS: usize = 16;

/// The members that were found. Of a name that stands twice the later one counts, as in JavaScript.
#[derive(Debug)]
pub(crate) struct Object<'a, N> {
    members: [Option<&'a RawValue>; SLOTS],
    names: PhantomData<N>,
}

impl<'a, N: Name> Object<'a, N> {
    /// The member as it stands, `null` included.
    pub(crate) fn raw(&self, name: &N) -> Option<&'a RawValue> {
        self.members[name.slot()?]
    }

    /// The member; one that is `null` counts as absent.
    pub(crate) fn scalar(&self, name: &N) -> Option<Scalar<'a>> {
        self.raw(name).and_then(Scalar::of)
    }
}

impl<'de: 'a, 'a, N: Name> Deserialize<'de> for Object<'a, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<N>(PhantomData<N>);

        impl<'de, N: Name> Visitor<'de> for Members<N> {
            type Value = Object<'de, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = [None; SLOTS];
                while let Some(name) = map.next_key::<N>()? {
                    match name.slot() {
                        Some(slot) => members[slot] = Some(map.next_value()?),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Object {
                    members,
                    names: PhantomData,
                })
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// A member that is not `null`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    /// The number as it is written: one that no type here holds is none the worse for it.
    Number(&'a str),
    /// What cannot stand for either.
    Other(&'a str),
}

impl<'a> Scalar<'a> {
    fn of(raw: &'a RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first() {
            Some(b'"') if !text.contains('\\') => Self::Text(Cow::Borrowed(&text[1..text.len() - 1])),
            // An escape that names half a character is the one thing that raw text may hold and a text may not.
            Some(b'"') => {
                serde_json::from_str(text).map_or(Self::Other(text), |owned| Self::Text(Cow::Owned(owned)))
            }
            Some(b'-' | b'0'..=b'9') => Self::Number(text),
            Some(b'n') => return None,
            _ => Self::Other(text),
        })
    }

    /// The text; an empty one counts as absent.
    pub(crate) fn into_text(self, field: &'static str) -> Result<Option<Cow<'a, str>>, MalformedKind> {
        match self {
            Self::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Self::Number(found) | Self::Other(found) => Err(MalformedKind::field(field, found, "a text")),
        }
    }

    /// The text of an id, which other services write as a number at times; an empty one counts as absent.
    pub(crate) fn into_id(self, field: &'static str) -> Result<Option<Cow<'a, str>>, MalformedKind> {
        match self {
            Self::Number(text) => Ok(Some(Cow::Borrowed(text))),
            Self::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Self::Other(found) => Err(MalformedKind::field(field, found, "a text")),
        }
    }

    /// A version: a whole number, or the same as a text.
    pub(crate) fn into_version(self, field: &'static str) -> Result<Option<u32>, MalformedKind> {
        const WANTED: &str = "a whole number from 0 to 4294967295";
        let text = match self {
            Self::Number(text) => Cow::Borrowed(text),
            Self::Text(text) => text,
            Self::Other(found) => return Err(MalformedKind::field(field, found, WANTED)),
        };
        if text.is_empty() {
            return Ok(None);
        }
        match whole_number(&text) {
            Some(version) => Ok(Some(version)),
            None => Err(MalformedKind::field(field, &text, WANTED)),
        }
    }

    /// A time: RFC 3339, or the number that JavaScript's `Date.now()` gives.
    pub(crate) fn into_timestamp(self, field: &'static str) -> Result<Option<Timestamp>, MalformedKind> {
        const WANTED: &str = "an RFC 3339 time such as 2026-11-23T10:00:00.123Z";
        match self {
            Self::Text(text) if text.is_empty() => Ok(None),
            Self::Text(text) => match text.parse() {
                Ok(at) => Ok(Some(at)),
                Err(_) => Err(MalformedKind::field(field, &text, WANTED)),
            },
            Self::Number(text) => match text.parse().ok().and_then(time_by_magnitude) {
                Some(at) => Ok(Some(at)),
                None => Err(MalformedKind::field(field, text, WANTED)),
            },
            Self::Other(found) => Err(MalformedKind::field(field, found, WANTED)),
        }
    }
}

/// `2`, and `2.0` as some languages write it.
fn whole_number(text: &str) -> Option<u32> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    };
    whole
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| whole.parse().ok())?
}

/// Seconds since 1970, or milliseconds where seconds would be after the year 5138.
pub(crate) fn time_by_magnitude(number: u64) -> Option<Timestamp> {
    const MILLIS_FROM: u64 = 100_000_000_000;
    const LAST_MILLI: u64 = 253_402_207_200_000;
    let millis = if number < MILLIS_FROM {
        number * 1000
    } else {
        number
    };
    (millis < LAST_MILLI).then(|| i64::try_from(millis).ok().map(Timestamp::from_millis))?
}
