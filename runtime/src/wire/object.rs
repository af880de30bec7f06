//! A JSON object whose known members are kept as raw JSON.
//!
//! One pass over the body finds the members. A handler decodes `data` later, if at all. A derived struct would reject
//! duplicate names, and could not distinguish `null` from an absent member.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::malformed::MalformedKind;
use crate::message::timestamp::Timestamp;

/// The names of the members to find.
pub(crate) trait MemberName: for<'de> Deserialize<'de> {
    /// The index of the member, or `None` for a member that is not needed.
    fn slot(&self) -> Option<usize>;
}

/// At least the number of names in each set.
const SLOTS: usize = 16;

/// The members of an object. When a name occurs twice, the later value counts, as in JavaScript.
#[derive(Debug)]
pub(crate) struct Object<'a, N> {
    members: [Option<&'a RawValue>; SLOTS],
    names: PhantomData<N>,
}

impl<'a, N: MemberName> Object<'a, N> {
    /// The raw JSON of the member, which can be `null`.
    pub(crate) fn raw(&self, name: &N) -> Option<&'a RawValue> {
        self.members[name.slot()?]
    }

    /// The member, or `None` when it is absent or `null`.
    pub(crate) fn scalar(&self, name: &N) -> Option<Scalar<'a>> {
        self.raw(name).and_then(Scalar::of)
    }
}

impl<'de: 'a, 'a, N: MemberName> Deserialize<'de> for Object<'a, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<N>(PhantomData<N>);

        impl<'de, N: MemberName> Visitor<'de> for ObjectVisitor<N> {
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

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A member that is not `null`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    /// The digits of the number, which can exceed every Rust type.
    Number(&'a str),
    /// The raw JSON of any other value.
    Other(&'a str),
}

impl<'a> Scalar<'a> {
    fn of(raw: &'a RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first() {
            Some(b'"') if !text.contains('\\') => Self::Text(Cow::Borrowed(&text[1..text.len() - 1])),
            // Raw JSON can contain an unpaired surrogate escape, which a Rust string cannot.
            Some(b'"') => {
                serde_json::from_str(text).map_or(Self::Other(text), |owned| Self::Text(Cow::Owned(owned)))
            }
            Some(b'-' | b'0'..=b'9') => Self::Number(text),
            Some(b'n') => return None,
            _ => Self::Other(text),
        })
    }

    /// A string. An empty string counts as absent.
    pub(crate) fn into_text(self, field: &'static str) -> Result<Option<Cow<'a, str>>, MalformedKind> {
        match self {
            Self::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Self::Number(found) | Self::Other(found) => Err(MalformedKind::field(field, found, "a text")),
        }
    }

    /// An id: a string, or a number as some services write it. An empty string counts as absent.
    pub(crate) fn into_id(self, field: &'static str) -> Result<Option<Cow<'a, str>>, MalformedKind> {
        match self {
            Self::Number(text) => Ok(Some(Cow::Borrowed(text))),
            Self::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Self::Other(found) => Err(MalformedKind::field(field, found, "a text")),
        }
    }

    /// A version: a whole number, or a string with one.
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

    /// A time: RFC 3339, or the number that JavaScript's `Date.now()` returns.
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

/// Parses `2`, and `2.0` as some languages write it.
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

/// Interprets a number as seconds since 1970, or as milliseconds when seconds would mean a year after 5138.
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
