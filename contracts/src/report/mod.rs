//! An outcome, written for whoever reads it: a person, a program, a CI server, a pull request.

mod github;
mod json;
mod junit;
mod text;

use std::str::FromStr;

use crate::compat::outcome::Outcome;

/// For whom an outcome is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub(crate) enum Format {
    /// A person at a terminal.
    #[default]
    Text,
    /// A program.
    Json,
    /// A CI server: the XML of `JUnit`.
    Junit,
    /// GitHub: annotations of a workflow.
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

/// What surrounds an outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report<'a> {
    pub(crate) outcome: &'a Outcome,
    /// The folder of the contracts, as its user wrote it.
    pub(crate) folder: &'a str,
    /// The types and versions that were held against others.
    pub(crate) checked: &'a [(String, u32)],
    /// Whether changes that break nobody are shown too.
    pub(crate) verbose: bool,
}

impl Report<'_> {
    /// The text of it.
    pub(crate) fn write(&self, format: Format) -> String {
        match format {
            Format::Text => text::write(self),
            Format::Json => json::write(self),
            Format::Junit => junit::write(self),
            Format::Github => github::write(self),
        }
    }

    /// The file of one version's contract.
    fn file(&self, event_type: &str, version: u32) -> String {
        format!(
            "{}/{event_type}.v{version}.json",
            self.folder.trim_end_matches('/')
        )
    }
}
