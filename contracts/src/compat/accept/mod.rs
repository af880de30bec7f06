//! Checks inclusion: whether a reader accepts every value of a writer.
//!
//! The comparison assumes that a recursive type fits while it is being compared. It remembers a result only when the
//! result does not depend on an assumption about an outer type.

mod enums;
mod leaf;
mod map;
mod object;

use std::collections::HashSet;
use std::mem;

use serde_json::Value;

use super::finding::{Direction, Finding, Severity};
use super::rule::Rule;
use super::shape::{Enum, Id, Kind, Object, ResolvedShape, Rest, Shapes};

/// Finds the events of the schema `writer` that a reader of the schema `reader` refuses. No finding means that it
/// reads all of them.
///
/// Both are JSON Schema 2020-12 as schemars writes it: `writer` for serialization, `reader` for deserialization. A
/// writer writes only the fields that it declares. The findings assume that the reader is newer than the writer.
/// [`compare`](crate::compare) takes both contracts and finds more.
pub fn accepts(writer: &Value, reader: &Value) -> Vec<Finding> {
    let (written, read) = (Shapes::read(writer), Shapes::read(reader));
    check_inclusion(&written, &read, Direction::Backward, 0)
}

/// Does the same as [`accepts`] for shapes. `version` is the older version of the two.
pub(crate) fn check_inclusion(
    written: &Shapes,
    read: &Shapes,
    direction: Direction,
    version: u32,
) -> Vec<Finding> {
    let mut inclusion = Inclusion {
        written,
        read,
        direction,
        version,
        path: "data".to_owned(),
        always: true,
        found: Vec::new(),
        open: Vec::new(),
        lowest: usize::MAX,
        compatible: HashSet::new(),
    };
    inclusion.value(written.root, read.root, false);
    inclusion.found.into_iter().map(|found| found.finding).collect()
}

/// A written shape, a read shape, and whether serde reads from a buffer.
type Pair = (Id, Id, bool);

#[derive(Debug, Clone)]
struct FoundFinding {
    finding: Finding,
    /// Whether the reader accepts no value at all, so that other alternatives cannot help.
    always: bool,
}

struct Inclusion<'a> {
    written: &'a Shapes,
    read: &'a Shapes,
    direction: Direction,
    version: u32,
    path: String,
    /// Whether every value of the root has a value at this path.
    always: bool,
    found: Vec<FoundFinding>,
    /// The pairs that are being compared, the outermost first.
    open: Vec<Pair>,
    /// The outermost open pair that was assumed to fit.
    lowest: usize,
    /// The pairs without findings, which are not compared again.
    compatible: HashSet<Pair>,
}

impl<'a> Inclusion<'a> {
    /// Compares two shapes. `buffered` says that serde reads from a buffer, as in untagged and internally tagged
    /// enums.
    fn value(&mut self, written: Id, read: Id, buffered: bool) {
        let (writes, reads) = (self.written.resolve(written), self.read.resolve(read));
        if matches!(reads.kind, Kind::Any) || self.unclear(writes, reads) {
            return;
        }
        self.null(written, read);
        self.non_null(writes, reads, buffered);
    }

    /// Compares two shapes without `null`.
    fn non_null(&mut self, writes: ResolvedShape<'a>, reads: ResolvedShape<'a>, buffered: bool) {
        if matches!(writes.kind, Kind::Nothing) || matches!(reads.kind, Kind::Any) {
            return;
        }
        let pair = (writes.id, reads.id, buffered);
        if self.compatible.contains(&pair) {
            return;
        }
        if let Some(place) = self.open.iter().position(|open| *open == pair) {
            self.lowest = self.lowest.min(place);
            return;
        }
        let (depth, before) = (self.open.len(), self.found.len());
        let outer = mem::replace(&mut self.lowest, usize::MAX);
        let always = self.always;
        self.always &= !writes.nullable;
        self.open.push(pair);
        self.kinds(writes, reads, buffered);
        self.open.pop();
        self.always = always;
        let assumed = if self.lowest < depth {
            self.lowest
        } else {
            usize::MAX
        };
        if assumed == usize::MAX && self.found.len() == before {
            self.compatible.insert(pair);
        }
        self.lowest = outer.min(assumed);
    }

    fn null(&mut self, written: Id, read: Id) {
        if !self.written.takes_null(written) || self.read.takes_null(read) {
            return;
        }
        let unit = matches!(self.written.resolve(written).kind, Kind::Nothing);
        let rule = match self.direction {
            _ if unit => Rule::TypeChanged,
            Direction::Backward => Rule::BecameNonNull,
            Direction::Forward => Rule::BecameNullable,
        };
        let problem = format!(
            "{} write null there, {} refuse it",
            self.writers(),
            self.readers()
        );
        self.report(rule, Severity::Break, unit, Some((written, read)), problem);
    }

    /// Returns whether a schema is undecidable, and reports it. An undecidable schema fits only the same schema.
    fn unclear(&mut self, writes: ResolvedShape<'a>, reads: ResolvedShape<'a>) -> bool {
        match (writes.kind, reads.kind) {
            (Kind::Unclear(one), Kind::Unclear(other)) if one == other => true,
            (Kind::Unclear(_), _) | (_, Kind::Unclear(_)) => {
                let problem = "the check cannot decide a keyword of the schema".to_owned();
                self.report(
                    Rule::Undecidable,
                    Severity::Unknown,
                    false,
                    Some((writes.id, reads.id)),
                    problem,
                );
                true
            }
            _ => false,
        }
    }

    fn kinds(&mut self, writes: ResolvedShape<'a>, reads: ResolvedShape<'a>, buffered: bool) {
        let both = Some((writes.id, reads.id));
        match (writes.kind, reads.kind) {
            (Kind::Union(members), _) => {
                let always = mem::replace(&mut self.always, false);
                members
                    .iter()
                    .for_each(|member| self.value(*member, reads.id, buffered));
                self.always = always;
            }
            (Kind::Any, Kind::Union(_)) => self.anything(writes, reads, buffered),
            (_, Kind::Union(members)) => self.union(writes, reads, members),
            (Kind::Bool, Kind::Bool) => {}
            (Kind::Float { .. } | Kind::Integer(_), Kind::Float { .. }) => {
                self.float(writes, reads, buffered);
            }
            (Kind::Integer(written), Kind::Integer(read)) => self.integer(*written, *read, both, buffered),
            (Kind::Float { .. }, Kind::Integer(_)) => {
                let rule = self.either(Rule::FloatToInt, Rule::IntToFloat);
                self.mismatch(rule, both);
            }
            (Kind::Text { format: written }, Kind::Text { format: read }) => {
                self.text(written.as_deref(), read.as_deref(), both);
            }
            (Kind::Literals(values), _) => {
                if !values.iter().all(|value| leaf::literal(value, reads)) {
                    self.mismatch(Rule::TypeChanged, both);
                }
            }
            (Kind::List(item), Kind::List(read)) => {
                self.within("[]", false, |this| this.value(*item, *read, buffered));
            }
            (Kind::Tuple(items), Kind::List(read)) => {
                self.tuple(items, &vec![*read; items.len()], both, buffered);
            }
            (Kind::Tuple(items), Kind::Tuple(read)) => self.tuple(items, read, both, buffered),
            (Kind::Tuple(_) | Kind::List(_), Kind::Object(read)) => self.sequence(writes, reads, read),
            (Kind::Enum(written), Kind::Enum(read)) => self.enums(written, read, buffered),
            (Kind::Enum(written), _) => self.enum_as_plain(written, writes, reads, buffered),
            (Kind::Text { .. }, Kind::Enum(read)) => self.text_as_enum(read, both),
            (Kind::Object(written), Kind::Enum(read)) => self.object_as_enum(written, read, writes, reads),
            // serde reads an empty object from a buffer as `()`.
            (Kind::Object(written), Kind::Nothing) if buffered && reads.nullable && written.is_empty() => {}
            (Kind::Object(written), Kind::Object(read)) => self.objects(written, read, both, buffered),
            (Kind::List(_), Kind::Tuple(_)) | (Kind::Any, _) => self.mismatch_partly(Rule::TypeChanged, both),
            _ => self.mismatch(Rule::TypeChanged, both),
        }
    }

    /// A reader that accepts every JSON type accepts any value.
    fn anything(&mut self, writes: ResolvedShape<'a>, reads: ResolvedShape<'a>, buffered: bool) {
        let found = self.attempt(|this| {
            for kind in &this.written.kinds_of_json {
                this.value(*kind, reads.id, buffered);
            }
        });
        if found.iter().any(|found| found.finding.severity.fails()) {
            self.mismatch_partly(Rule::TypeChanged, Some((writes.id, reads.id)));
        }
    }

    fn tuple(&mut self, written: &[Id], read: &[Id], both: Option<(Id, Id)>, buffered: bool) {
        if written.len() != read.len() {
            return self.mismatch(Rule::TypeChanged, both);
        }
        for (place, (written, read)) in written.iter().zip(read).enumerate() {
            self.within(&format!("[{place}]"), true, |this| {
                this.value(*written, *read, buffered);
            });
        }
    }

    /// serde also reads a struct from an array, field by field in their order in the code. A schema does not keep the
    /// order.
    fn sequence(&mut self, writes: ResolvedShape<'a>, reads: ResolvedShape<'a>, read: &'a Object) {
        let both = Some((writes.id, reads.id));
        let is_struct = read.groups.is_empty() && !matches!(read.rest, Rest::Entries { .. });
        let required = read.fields.values().filter(|field| field.required).count();
        let items = match writes.kind {
            Kind::Tuple(items) if is_struct && (required..=read.fields.len()).contains(&items.len()) => items,
            _ => return self.mismatch(Rule::TypeChanged, both),
        };
        let fit = |this: &mut Self, item: Id, field: Id| {
            this.attempt(|this| this.value(item, field, false)).is_empty()
        };
        let fits: Vec<Vec<bool>> = items
            .iter()
            .map(|item| {
                read.fields
                    .values()
                    .map(|field| fit(self, *item, field.shape))
                    .collect()
            })
            .collect();
        if fits.iter().flatten().all(|fits| *fits) {
            self.report(
                Rule::TypeChanged,
                Severity::Warning,
                false,
                both,
                "an array is read as a struct".to_owned(),
            );
        } else if fits.iter().any(|fits| !fits.contains(&true)) {
            self.mismatch(Rule::TypeChanged, both);
        } else {
            let problem =
                "an array is read as a struct if its items come in the order of the fields".to_owned();
            self.report(Rule::TypeChanged, Severity::Unknown, false, both, problem);
        }
    }

    /// Runs `check` one step deeper. `certain` says that every value at this path has a value at the deeper one.
    fn within(&mut self, step: &str, certain: bool, check: impl FnOnce(&mut Self)) {
        let (length, always) = (self.path.len(), self.always);
        self.path.push_str(step);
        self.always &= certain;
        check(self);
        self.path.truncate(length);
        self.always = always;
    }

    /// Returns the findings of `check` without keeping them.
    fn attempt(&mut self, check: impl FnOnce(&mut Self)) -> Vec<FoundFinding> {
        let before = self.found.len();
        let always = mem::replace(&mut self.always, true);
        check(self);
        self.always = always;
        self.found.split_off(before)
    }

    /// Chooses the rule by direction.
    fn either(&self, backward: Rule, forward: Rule) -> Rule {
        match self.direction {
            Direction::Backward => backward,
            Direction::Forward => forward,
        }
    }

    fn is_forward(&self) -> bool {
        self.direction == Direction::Forward
    }

    fn readers(&self) -> &'static str {
        match self.direction {
            Direction::Backward => "new consumers",
            Direction::Forward => "old consumers",
        }
    }

    fn writers(&self) -> String {
        match (self.direction, self.version) {
            (Direction::Backward, 0) => "old events".to_owned(),
            (Direction::Backward, version) => format!("events written as version {version}"),
            (Direction::Forward, _) => "new events".to_owned(),
        }
    }

    /// Reports that the reader accepts no written value.
    fn mismatch(&mut self, rule: Rule, both: Option<(Id, Id)>) {
        let always = self.always;
        self.differ(rule, both, always);
    }

    /// Reports that the reader refuses some written values.
    fn mismatch_partly(&mut self, rule: Rule, both: Option<(Id, Id)>) {
        self.differ(rule, both, false);
    }

    fn differ(&mut self, rule: Rule, both: Option<(Id, Id)>, always: bool) {
        let (written, read) = match both {
            Some((written, read)) => (self.written.describe(written), self.read.describe(read)),
            None => (String::new(), String::new()),
        };
        let (verb, readers) = (
            if self.direction == Direction::Backward {
                "hold"
            } else {
                "write"
            },
            self.readers(),
        );
        let problem = format!("{readers} take {read}, {} {verb} {written}", self.writers());
        self.report(rule, Severity::Break, always, both, problem);
    }

    /// Adds a finding at the current path.
    fn report(
        &mut self,
        rule: Rule,
        severity: Severity,
        always: bool,
        both: Option<(Id, Id)>,
        problem: String,
    ) {
        let texts = both.map(|(written, read)| (self.written.describe(written), self.read.describe(read)));
        let (old, new) = match (texts, self.direction) {
            (None, _) => (None, None),
            (Some((written, read)), Direction::Backward) => (Some(written), Some(read)),
            (Some((written, read)), Direction::Forward) => (Some(read), Some(written)),
        };
        self.found.push(FoundFinding {
            finding: Finding {
                rule,
                event_type: String::new(),
                version: self.version,
                path: self.path.clone(),
                direction: self.direction,
                severity,
                old,
                new,
                problem,
                hint: rule.hint().to_owned(),
            },
            always: always && self.always,
        });
    }

    fn text_as_enum(&mut self, read: &Enum, both: Option<(Id, Id)>) {
        if read.other && read.is_plain() {
            let problem = "texts that it does not know are read as its `other` variant".to_owned();
            self.report(Rule::TypeChanged, Severity::Warning, false, both, problem);
        } else {
            self.mismatch_partly(Rule::TypeChanged, both);
        }
    }
}
