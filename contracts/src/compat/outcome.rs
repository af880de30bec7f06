//! The outcome of a check: what was found, what of it is waived, and which waivers are of no use.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::finding::{Finding, Severity};
use super::rule::Rule;
use super::waiver::{Waiver, Waivers};

/// What a check comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What was found and is not waived, ok ones and warnings included.
    pub findings: Vec<Finding>,
    /// What would fail and is waived.
    pub waived: Vec<(Finding, Waiver)>,
    /// Waivers that are themselves at fault.
    pub stale: Vec<StaleWaiver>,
}

/// A waiver that is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleWaiver {
    /// Which.
    pub waiver: Waiver,
    /// What is wrong with it.
    pub why: Stale,
}

/// Why a waiver is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// Its day is over.
    Expired,
    /// Nothing was found that it covers.
    Unused,
}

impl Stale {
    /// `waiver-expired` or `waiver-unused`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Expired => "waiver-expired",
            Self::Unused => "waiver-unused",
        }
    }
}

/// ``break  order.created  data.currency: the waiver of field-added-required expired on 2026-12-31; …``
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
                "the waiver of {rule} expired on {expires}; mend what it covers, or give it a later day"
            ),
            Stale::Unused => write!(
                f,
                "nothing of {rule} is found that it covers; take it out of waivers.toml"
            ),
        }
    }
}

impl Outcome {
    /// Takes away what is waived today, as the day is in UTC.
    pub fn today(findings: Vec<Finding>, waivers: &Waivers) -> Self {
        Self::new(
            findings,
            waivers,
            Timestamp::now().to_zoned_datetime(TimeZone::UTC).date(),
        )
    }

    /// Takes away what is waived on the day `today`.
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
        outcome.forget_whole_versions();
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

    /// A version whose breaks are all waived is not broken.
    fn forget_whole_versions(&mut self) {
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

    /// Whether the check fails: a break, something that cannot be decided, or a waiver of no use.
    pub fn fails(&self) -> bool {
        !self.stale.is_empty() || self.findings.iter().any(|finding| finding.severity.fails())
    }

    /// How many findings of a severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }
}
