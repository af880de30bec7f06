//! The typed half of reading: from an envelope's raw data to the event a handler asked for, upcasting on the way.

use std::error::Error as StdError;
use std::fmt;

use serde::de::DeserializeOwned;

use crate::event::{AnyEvent, DomainEvent, Metadata};

/// Why an envelope's data is not the event that was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The data does not fit the type.
    Malformed {
        /// Where in the data, as in `lines[2].price`.
        path: String,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// The event is of a newer version than this service knows.
    NewerVersion {
        /// The version that came.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The event is of an older version, and no `upcast_from` leads there.
    UnknownVersion {
        /// The version that came.
        found: u32,
    },
    /// The upcast of an older version failed.
    Upcast {
        /// The version that came.
        found: u32,
        /// What the `TryFrom` said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The event is of another type.
    WrongType {
        /// The type that came.
        found: String,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { path, .. } if path == "." => f.write_str("cannot decode `data`"),
            Self::Malformed { path, .. } => write!(f, "cannot decode `data.{path}`"),
            Self::NewerVersion { found, known } => {
                write!(
                    f,
                    "version {found} is newer than {known}, the newest this service knows"
                )
            }
            Self::UnknownVersion { found } => {
                write!(f, "version {found} is not declared; upcast it with `upcast_from`")
            }
            Self::Upcast { found, .. } => write!(f, "cannot upcast from version {found}"),
            Self::WrongType { found } => write!(f, "the event is a `{found}`"),
        }
    }
}

impl StdError for DecodeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Malformed { source, .. } => Some(source),
            Self::Upcast { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

/// Decodes the event `E` from an envelope's metadata and data.
pub(crate) fn event<E: DomainEvent>(metadata: &Metadata, data: &str) -> Result<E, DecodeError> {
    if metadata.event_type != E::TYPE {
        return Err(DecodeError::WrongType {
            found: metadata.event_type.clone(),
        });
    }
    version::<E>(metadata.version, data)
}

/// Decodes `data`, written as version `version`, as the event `E`.
pub(crate) fn version<E: DomainEvent>(version: u32, data: &str) -> Result<E, DecodeError> {
    match version.cmp(&E::VERSION) {
        std::cmp::Ordering::Equal => json(data),
        std::cmp::Ordering::Greater => Err(DecodeError::NewerVersion {
            found: version,
            known: E::VERSION,
        }),
        std::cmp::Ordering::Less => {
            E::decode_older(version, data).unwrap_or(Err(DecodeError::UnknownVersion { found: version }))
        }
    }
}

/// Decodes `data`, written as version `found`, as the event `E` that `upcast_from = E` names.
pub(crate) fn older<E: DomainEvent>(found: u32, data: &str) -> Result<E, DecodeError> {
    version::<E>(found, data).map_err(|error| match error {
        // A gap in the chain, such as v3 upcast from v1 alone when v2 comes: newer than v1, and yet not unknown future.
        DecodeError::NewerVersion { found, .. } => DecodeError::UnknownVersion { found },
        other => other,
    })
}

/// The answer of a family none of whose variants is the event.
#[doc(hidden)]
pub fn wrong_type<T>(event: &AnyEvent) -> Result<T, DecodeError> {
    Err(DecodeError::WrongType {
        found: event.event_type().to_owned(),
    })
}

fn json<T: DeserializeOwned>(data: &str) -> Result<T, DecodeError> {
    serde_json::from_str(data).map_err(|first| {
        // Tracking the path costs time, so it is done only once the plain way has failed.
        let deserializer = &mut serde_json::Deserializer::from_str(data);
        match serde_path_to_error::deserialize::<_, T>(deserializer) {
            Err(error) => {
                let path = error.path().to_string();
                DecodeError::Malformed {
                    path,
                    source: error.into_inner(),
                }
            }
            Ok(_) => DecodeError::Malformed {
                path: ".".to_owned(),
                source: first,
            },
        }
    })
}
