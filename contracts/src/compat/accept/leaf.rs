//! Compares booleans, numbers and texts.

use serde_json::Value;

use super::Inclusion;
use crate::compat::finding::Severity;
use crate::compat::rule::Rule;
use crate::compat::shape::{Id, Integer, Kind, MAX_U128, ResolvedShape};
use crate::compat::text;

impl<'a> Inclusion<'a> {
    pub(super) fn float(&mut self, writes: ResolvedShape<'a>, reads: ResolvedShape<'a>, buffered: bool) {
        let Kind::Float { single } = reads.kind else {
            return;
        };
        let (rule, too_large) = match writes.kind {
            Kind::Integer(integer) => {
                let exact: i128 = if *single { 1 << 24 } else { 1 << 53 };
                if -exact <= integer.min && integer.max <= exact {
                    return;
                }
                let rule = self.either(Rule::IntToFloat, Rule::FloatToInt);
                (rule, *single && integer.max == MAX_U128)
            }
            Kind::Float { single: false } if *single => (Rule::FloatNarrowed, true),
            _ => return,
        };
        // Straight from JSON, an `f32` refuses a number beyond its range. From a buffer, the number becomes infinite.
        let (severity, problem) = if too_large && !buffered {
            (
                Severity::Break,
                format!("{} refuse numbers beyond an f32", self.readers()),
            )
        } else {
            (Severity::Warning, "large numbers lose digits".to_owned())
        };
        self.report(rule, severity, false, Some((writes.id, reads.id)), problem);
    }

    pub(super) fn integer(
        &mut self,
        written: Integer,
        read: Integer,
        both: Option<(Id, Id)>,
        buffered: bool,
    ) {
        let rule = self.either(Rule::IntNarrowed, Rule::IntWidened);
        let fits_64 = i128::from(i64::MIN) <= read.min && read.max <= i128::from(u64::MAX);
        if !written.within(read) {
            let disjoint = written.max < read.min || read.max < written.min;
            let problem = format!(
                "{} may write {}, {} take {}",
                self.writers(),
                written.name(),
                self.readers(),
                read.name()
            );
            self.report(rule, Severity::Break, disjoint, both, problem);
        } else if buffered && !fits_64 {
            let problem =
                "serde reads no 128-bit integer within an untagged or internally tagged enum".to_owned();
            self.report(Rule::TypeChanged, Severity::Break, true, both, problem);
        } else if written.has_zero() && read.nonzero != Some(false) {
            let (severity, problem) = match read.nonzero {
                Some(_) => (
                    Severity::Break,
                    format!("{} may write 0, {} refuse it", self.writers(), self.readers()),
                ),
                None => (
                    Severity::Unknown,
                    "the range begins at 1: a NonZero type refuses 0, a range does not".to_owned(),
                ),
            };
            self.report(rule, severity, false, both, problem);
        }
    }

    pub(super) fn text(&mut self, written: Option<&str>, read: Option<&str>, both: Option<(Id, Id)>) {
        if text::fits(written, read) {
            return;
        }
        if (written, read) == (None, Some("uri")) {
            let problem = "serde enforces the type `Url`, but not the format `uri` of a text".to_owned();
            let rule = self.either(Rule::FormatAdded, Rule::FormatRemoved);
            return self.report(rule, Severity::Unknown, false, both, problem);
        }
        let rule = match written {
            None => self.either(Rule::FormatAdded, Rule::FormatRemoved),
            Some(_) => Rule::FormatChanged,
        };
        self.mismatch_partly(rule, both);
    }
}

/// Tells whether the reader accepts this one value.
pub(super) fn literal(value: &Value, reads: ResolvedShape<'_>) -> bool {
    match reads.kind {
        Kind::Any => true,
        Kind::Bool => value.is_boolean(),
        Kind::Float { .. } => value.is_number(),
        Kind::Integer(integer) => integer.accepts(value),
        Kind::Literals(values) => values.contains(value),
        _ => false,
    }
}
