//! Waivers: findings that someone has accepted, with a reason and an end date.

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de};

use super::finding::Finding;
use super::rule::Rule;

/// A finding that someone has accepted.
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
    /// The place in the event, as in the finding.
    pub path: String,
    /// The rule of the finding.
    #[serde(deserialize_with = "rule")]
    pub rule: Rule,
    /// Why the finding is acceptable.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
    /// The last day of the waiver.
    #[serde(deserialize_with = "date")]
    pub expires: Date,
}

impl Waiver {
    /// Whether the waiver covers this finding.
    pub fn covers(&self, finding: &Finding) -> bool {
        self.event_type == finding.event_type && self.path == finding.path && self.rule == finding.rule
    }
}

/// The waivers of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waivers {
    pub(super) waivers: Vec<Waiver>,
}

impl Waivers {
    /// The waivers in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Waiver> {
        self.waivers.iter()
    }
}

fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rule, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.trim().is_empty() {
        return Err(de::Error::custom("`reason` is empty; write why this is accepted"));
    }
    Ok(reason)
}

/// Reads a date as a TOML date or as a text.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
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
        .map_err(|_| de::Error::custom(format!("`{text}` is not a date; write `expires = 2026-12-31`")))
}
