//! Waivers: findings that someone has accepted, with a reason and until a day.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de};

use super::finding::Finding;
use super::rule::Rule;
use crate::error::{Error, Result};

/// The name of the file, in the folder of the contracts.
const FILE_NAME: &str = "waivers.toml";

/// One finding that someone has accepted.
///
/// ```toml
/// [[waiver]]
/// type = "order.created"
/// path = "data.currency"
/// rule = "field-added-required"
/// reason = "billing, the only consumer, reads it since 1.4"
/// expires = 2026-12-31
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Waiver {
    /// The wire name of the event type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Where in the event, as the finding says it.
    pub path: String,
    /// The rule of the finding.
    #[serde(deserialize_with = "rule")]
    pub rule: Rule,
    /// Why it is accepted.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
    /// The last day on which it is.
    #[serde(deserialize_with = "date")]
    pub expires: Date,
}

impl Waiver {
    /// Whether it is about this finding.
    pub fn covers(&self, finding: &Finding) -> bool {
        self.event_type == finding.event_type && self.path == finding.path && self.rule == finding.rule
    }
}

/// The waivers of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waivers {
    waivers: Vec<Waiver>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    waiver: Vec<Waiver>,
}

impl Waivers {
    /// Reads `waivers.toml` in the folder `path`; where it is not there, nothing is waived.
    ///
    /// # Errors
    /// When it cannot be read, or a waiver lacks its reason or its day, or names a rule that is none.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path: PathBuf = path.as_ref().join(FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|reason| Error::MalformedWaivers { path, reason }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Reads the text of such a file.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self { waivers: file.waiver })
    }

    /// One after the other, as they are written.
    pub fn iter(&self) -> impl Iterator<Item = &Waiver> {
        self.waivers.iter()
    }
}

fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Rule, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.trim().is_empty() {
        return Err(de::Error::custom("`reason` is empty; write why this is accepted"));
    }
    Ok(reason)
}

/// A day, as TOML writes it or as a text.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Date, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Day {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let text = match Day::deserialize(deserializer)? {
        Day::Toml(day) => day.to_string(),
        Day::Text(text) => text,
    };
    text.parse()
        .map_err(|_| de::Error::custom(format!("`{text}` is no day; write `expires = 2026-12-31`")))
}
