//! Reports of an outcome in several formats.

mod github;
mod json;
mod junit;
mod text;

use std::str::FromStr;

use crate::compat::outcome::Outcome;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    /// `JUnit` XML for CI servers.
    Junit,
    /// Annotations of a GitHub workflow.
    Github,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "junit" => Ok(Self::Junit),
            "github" => Ok(Self::Github),
            _ => Err(format!(
                "no format `{name}`; there are text, json, junit and github"
            )),
        }
    }
}

/// An outcome, and the other inputs of a report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    pub(crate) outcome: &'a Outcome,
    /// The folder of the contracts, as the user wrote it.
    pub(crate) folder: &'a str,
    /// The types and versions that were compared.
    pub(crate) checked: &'a [(String, u32)],
    /// Whether to show compatible changes too.
    pub(crate) verbose: bool,
}

impl Report<'_> {
    pub(crate) fn write(&self, format: Format) -> String {
        match format {
            Format::Text => text::write(self),
            Format::Json => json::write(self),
            Format::Junit => junit::write(self),
            Format::Github => github::write(self),
        }
    }

    fn file(&self, event_type: &str, version: u32) -> String {
        format!(
            "{}/{event_type}.v{version}.json",
            self.folder.trim_end_matches('/')
        )
    }
}
