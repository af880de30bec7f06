//! Why a message cannot be read as an event.

use std::error::Error as StdError;
use std::fmt;

use crate::message::shown::shown;

#[derive(Debug)]
pub(crate) struct Malformed {
    kind: MalformedKind,
    type_hint: Option<String>,
}

#[derive(Debug)]
pub(crate) enum MalformedKind {
    Empty,
    TooLarge {
        bytes: usize,
        limit: usize,
    },
    TooDeep {
        at: usize,
        limit: usize,
    },
    NotUtf8 {
        at: usize,
        encoding: Option<String>,
    },
    NotJson {
        part: &'static str,
        at: usize,
        source: serde_json::Error,
    },
    NotAnObject {
        found: &'static str,
    },
    Missing {
        field: &'static str,
        remedy: &'static str,
    },
    Field {
        field: &'static str,
        found: String,
        wanted: &'static str,
    },
    Batch,
    CloudEventFormat {
        content_type: String,
    },
    DataTwice,
}

impl Malformed {
    /// The event type, when it is known. A handler can then ignore an undeclared event that cannot be read.
    pub(crate) fn type_hint(&self) -> Option<&str> {
        self.type_hint.as_deref()
    }

    /// Sets the type hint, unless there is one already.
    pub(crate) fn with_type_hint(mut self, event_type: Option<&str>) -> Self {
        if self.type_hint.is_none() {
            self.type_hint = event_type.map(ToOwned::to_owned);
        }
        self
    }
}

impl From<MalformedKind> for Malformed {
    fn from(kind: MalformedKind) -> Self {
        Self {
            kind,
            type_hint: None,
        }
    }
}

impl MalformedKind {
    /// A field with a wrong value. The error shows the start of `found`.
    pub(crate) fn field(field: &'static str, found: &str, wanted: &'static str) -> Self {
        const SHOWN: usize = 40;
        let mut found_start: String = found.chars().take(SHOWN).collect();
        if found.chars().nth(SHOWN).is_some() {
            found_start.push('…');
        }
        Self::Field {
            field,
            found: found_start,
            wanted,
        }
    }

    /// Text that is not JSON and starts at `offset` in the body.
    pub(crate) fn not_json(part: &'static str, text: &str, offset: usize, source: serde_json::Error) -> Self {
        let line_start: usize = text
            .split_inclusive('\n')
            .take(source.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let at = offset + line_start + source.column().saturating_sub(1);
        Self::NotJson { part, at, source }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MalformedKind::Empty => {
                f.write_str("the body is empty; an event is a JSON object with `type` and `data`")
            }
            MalformedKind::TooLarge { bytes, limit } => {
                write!(f, "the body has {bytes} bytes; {limit} is the most")
            }
            MalformedKind::TooDeep { at, limit } => {
                write!(f, "the JSON is nested deeper than {limit} levels at byte {at}")
            }
            MalformedKind::NotUtf8 { at, encoding: None } => write!(f, "the body is not UTF-8 at byte {at}"),
            MalformedKind::NotUtf8 {
                at,
                encoding: Some(encoding),
            } => write!(
                f,
                "the body is not UTF-8 at byte {at}; its content encoding is `{}`, and only plain text is read",
                shown(encoding)
            ),
            MalformedKind::NotJson { part, at, .. } => write!(f, "{part} is not JSON at byte {at}"),
            MalformedKind::NotAnObject { found } => {
                write!(
                    f,
                    "the body is {found}; an event is a JSON object with `type` and `data`"
                )
            }
            MalformedKind::Missing { field, remedy } => write!(f, "missing `{field}`; {remedy}"),
            MalformedKind::Field { field, found, wanted } => {
                write!(f, "`{field}` is `{}`; write {wanted}", shown(found))
            }
            MalformedKind::Batch => {
                f.write_str("the body is a batch of CloudEvents; send each event as a message of its own")
            }
            MalformedKind::CloudEventFormat { content_type } => {
                write!(
                    f,
                    "CloudEvents as `{}` are not read; write `application/cloudevents+json`",
                    shown(content_type)
                )
            }
            MalformedKind::DataTwice => {
                f.write_str("both `data` and `data_base64` are there; write one of them")
            }
        }
    }
}

impl StdError for Malformed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            MalformedKind::NotJson { source, .. } => Some(source),
            _ => None,
        }
    }
}
