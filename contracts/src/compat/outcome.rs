//! The outcome of a check: findings, waived findings, and stale waivers.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::finding::{Finding, Severity};
use super::rule::Rule;
use super::waiver::{Waiver, Waivers};

/// The outcome of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The findings that are not waived, with warnings and compatible changes.
    pub findings: Vec<Finding>,
    /// The waived findings.
    pub waived: Vec<(Finding, Waiver)>,
    /// Waivers that are expired or unused.
    pub stale: Vec<StaleWaiver>,
}

/// A waiver that is expired or unused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleWaiver {
    /// The waiver.
    pub waiver: Waiver,
    /// The reason.
    pub why: Stale,
}

/// Why a waiver is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// The waiver has expired.
    Expired,
    /// The waiver covers no finding.
    Unused,
}

impl Stale {
    /// The name: `waiver-expired` or `waiver-unused`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Expired => "waiver-expired",
            Self::Unused => "waiver-unused",
        }
    }
}

/// ``waiver  order.created  data.currency: the waiver of field-added-required expired on 2026-12-31; …``
impl std::fmt::Display for StaleWaiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Waiver {
            event_type,
            path,
            rule,
            expires,
            ..
        } = &self.waiver;
        write!(f, "waiver  {event_type}  {path}: ")?;
        match self.why {
            Stale::Expired => write!(
                f,
                "the waiver of {rule} expired on {expires}; fix what it covers, or set a later date"
            ),
            Stale::Unused => write!(f, "no finding of {rule} matches it; remove it from waivers.toml"),
        }
    }
}

impl Outcome {
    /// Applies the waivers as of today in UTC.
    pub fn today(findings: Vec<Finding>, waivers: &Waivers) -> Self {
        Self::new(
            findings,
            waivers,
            Timestamp::now().to_zoned_datetime(TimeZone::UTC).date(),
        )
    }

    /// Applies the waivers as of the day `today`.
    pub fn new(findings: Vec<Finding>, waivers: &Waivers, today: Date) -> Self {
        let mut outcome = Self::default();
        let (in_force, expired): (Vec<_>, Vec<_>) =
            waivers.iter().partition(|waiver| today <= waiver.expires);
        for finding in findings {
            let waiver = in_force
                .iter()
                .find(|waiver| finding.severity.fails() && waiver.covers(&finding));
            match waiver {
                Some(waiver) => outcome.waived.push((finding, (*waiver).clone())),
                None => outcome.findings.push(finding),
            }
        }
        outcome.drop_waived_versions();
        let stale = |waiver: &Waiver, why| StaleWaiver {
            waiver: waiver.clone(),
            why,
        };
        outcome
            .stale
            .extend(expired.into_iter().map(|waiver| stale(waiver, Stale::Expired)));
        let unused = in_force
            .into_iter()
            .filter(|waiver| !outcome.waived.iter().any(|(_, used)| used == *waiver));
        let unused: Vec<_> = unused.map(|waiver| stale(waiver, Stale::Unused)).collect();
        outcome.stale.extend(unused);
        outcome
    }

    /// Removes the finding of a broken version when all of its breaks are waived.
    fn drop_waived_versions(&mut self) {
        let still_broken: Vec<_> = self
            .findings
            .iter()
            .filter(|finding| finding.is_break() && finding.rule != Rule::VersionRule)
            .map(|finding| (finding.event_type.clone(), finding.version, finding.direction))
            .collect();
        let waived: Vec<_> = self
            .waived
            .iter()
            .map(|(finding, _)| (finding.event_type.clone(), finding.version, finding.direction))
            .collect();
        self.findings.retain(|finding| {
            let key = (finding.event_type.clone(), finding.version, finding.direction);
            finding.rule != Rule::VersionRule || !waived.contains(&key) || still_broken.contains(&key)
        });
    }

    /// Whether the check fails: a break, an undecided change, or a stale waiver.
    pub fn fails(&self) -> bool {
        !self.stale.is_empty() || self.findings.iter().any(|finding| finding.severity.fails())
    }

    /// The number of findings of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }
}
