//! Decoding: from the JSON data of an envelope to a typed event, with upcasts of older versions.

use std::error::Error as StdError;
use std::fmt;

use serde::de::DeserializeOwned;

use super::DomainEvent;
use super::metadata::Metadata;
use crate::message::shown::shown;

/// The error when an event cannot be decoded as the requested type.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The data does not fit the type.
    Malformed {
        /// The place in the data, such as `lines[2].price`.
        path: String,
        /// The error of serde.
        source: serde_json::Error,
    },
    /// The event has a newer version than this service knows.
    NewerVersion {
        /// The version of the event.
        found: u32,
        /// The newest version that this service knows.
        known: u32,
    },
    /// The event has an older version, and no `upcast_from` names that version.
    UnknownVersion {
        /// The version of the event.
        found: u32,
    },
    /// The upcast of an older version failed.
    Upcast {
        /// The version of the event.
        found: u32,
        /// The error of `TryFrom`.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The event has another type.
    WrongType {
        /// The type of the event.
        found: String,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { path, .. } if path == "." => f.write_str("cannot decode `data`"),
            Self::Malformed { path, .. } => write!(f, "cannot decode `data.{}`", shown(path)),
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
            Self::WrongType { found } => write!(f, "the event is a `{}`", shown(found)),
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

/// Decodes the data of an envelope as the event `E`.
pub(crate) fn event<E: DomainEvent>(metadata: &Metadata, data: &str) -> Result<E, DecodeError> {
    if metadata.event_type != E::TYPE {
        return Err(DecodeError::WrongType {
            found: metadata.event_type.clone(),
        });
    }
    version::<E>(metadata.version, data)
}

/// Decodes `data` of version `version` as the event `E`.
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

/// Decodes `data` of version `found` as the older event `E`, before an upcast.
pub(crate) fn older<E: DomainEvent>(found: u32, data: &str) -> Result<E, DecodeError> {
    version::<E>(found, data).map_err(|error| match error {
        // The chain of upcasts can have a gap: v3 is upcast from v1, and the data is v2. For this call v2 is newer than
        // v1, but the service knows v3, so the error reports v2 as unknown and not as newer.
        DecodeError::NewerVersion { found, .. } => DecodeError::UnknownVersion { found },
        other => other,
    })
}

fn json<T: DeserializeOwned>(data: &str) -> Result<T, DecodeError> {
    serde_json::from_str(data).map_err(|first| {
        // Tracking the path is slow, so it runs only after an error.
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
