//! Compares objects: fields by name and alias, maps by entry, and flattened enums one by one.

use std::collections::BTreeMap;

use super::enums::{Decided, decide, fails};
use super::{FoundFinding, Inclusion};
use crate::compat::finding::Severity;
use crate::compat::flat::{Flat, flatten};
use crate::compat::nearest;
use crate::compat::rule::Rule;
use crate::compat::shape::{Field, Id, Kind, Object, Rest, UNWRITTEN};

impl<'a> Inclusion<'a> {
    pub(crate) fn objects(
        &mut self,
        written: &'a Object,
        read: &'a Object,
        both: Option<(Id, Id)>,
        buffered: bool,
    ) {
        let (Some(writes), Some(reads)) = (flatten(self.written, written), flatten(self.read, read)) else {
            let problem = "too many enums are flattened into it".to_owned();
            return self.report(Rule::Undecidable, Severity::Unknown, false, both, problem);
        };
        if let ([writes], [reads]) = (writes.as_slice(), reads.as_slice()) {
            return self.flat(writes, reads, both, buffered);
        }
        let certain = writes.len() == 1;
        for writes in &writes {
            let tried: Vec<_> = reads
                .iter()
                .map(|reads| self.attempt(|this| this.flat(writes, reads, both, true)))
                .collect();
            match decide(tried) {
                Decided::Fits(found) => self.keep(found, certain),
                Decided::Fails(found) if !found.is_empty() => self.keep(found, certain),
                _ => self.cannot_tell(both),
            }
        }
        self.found.dedup_by(|one, other| one.finding == other.finding);
    }

    pub(crate) fn keep(&mut self, found: Vec<FoundFinding>, certain: bool) {
        let always = self.always && certain;
        self.found.extend(found.into_iter().map(|found| FoundFinding {
            always: found.always && always,
            ..found
        }));
    }

    fn flat(&mut self, writes: &Flat<'a>, reads: &Flat<'a>, both: Option<(Id, Id)>, buffered: bool) {
        match (writes.as_map(), reads.as_map()) {
            (Some(_), None) if reads.fields.values().any(|field| field.required) => {
                // A map may be empty, so it may lack a required field.
                return self.mismatch_partly(Rule::TypeChanged, both);
            }
            (None, Some(_)) if !writes.fields.is_empty() => {
                return self.struct_as_map(writes, reads, both, buffered);
            }
            _ => {}
        }
        let taken = self.written_fields(writes, reads, buffered);
        self.required_fields(writes, reads, &taken);
        self.entries(writes, reads, both, buffered);
    }

    /// Compares each written field with the field that reads it. Returns the written names by the field that reads
    /// them.
    pub(super) fn written_fields(
        &mut self,
        writes: &Flat<'a>,
        reads: &Flat<'a>,
        buffered: bool,
    ) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut taken: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut unknown = Vec::new();
        let written = |field: &Field| !matches!(self.written.resolve(field.shape).kind, Kind::Unclear(why) if *why == UNWRITTEN);
        let fields: Vec<_> = writes.fields.iter().filter(|(_, field)| written(field)).collect();
        for (name, field) in fields {
            match (reads.field(name), reads.rest) {
                (Some((target, read)), _) => {
                    taken.entry(target).or_default().push(name);
                    self.within(&format!(".{name}"), field.required, |this| {
                        this.field(field, read, buffered);
                    });
                }
                (None, Rest::Entries { keys, value }) => {
                    self.within(&format!(".{name}"), field.required, |this| {
                        this.key(name, *keys);
                        this.value(field.shape, *value, true);
                    });
                }
                (None, Rest::Denied) => unknown.push(*name),
                (None, Rest::Ignored) => {}
            }
        }
        for name in unknown {
            self.denied_field(name, writes, reads);
        }
        for (target, names) in &taken {
            if let [first, second, ..] = names.as_slice() {
                let certain = writes.fields[first].required && writes.fields[second].required;
                let problem = format!(
                    "{} read both `{first}` and `{second}` as `{target}`, and refuse the second",
                    self.readers()
                );
                self.within(&format!(".{target}"), certain, |this| {
                    this.report(Rule::AliasAdded, Severity::Break, true, None, problem);
                });
            }
        }
        taken
    }

    fn field(&mut self, written: &Field, read: &Field, buffered: bool) {
        let null = self.written.takes_null(written.shape) && !self.read.takes_null(read.shape);
        let skipped = !written.required
            && !matches!(
                self.written.resolve(written.shape).kind,
                Kind::Nothing | Kind::Any
            );
        if !(null && skipped) {
            return self.value(written.shape, read.shape, buffered);
        }
        // Usually the writer skips null only. A flattened `Option` looks the same, and may write it.
        let rule = self.either(Rule::BecameNonNull, Rule::BecameNullable);
        let problem = format!(
            "{} may skip null there or write it, {} refuse it",
            self.writers(),
            self.readers()
        );
        self.report(
            rule,
            Severity::Unknown,
            false,
            Some((written.shape, read.shape)),
            problem,
        );
        let (writes, reads) = (self.written.resolve(written.shape), self.read.resolve(read.shape));
        self.non_null(writes, reads, buffered);
    }

    fn denied_field(&mut self, name: &'a str, writes: &Flat<'a>, reads: &Flat<'a>) {
        let field = writes.fields[name];
        if self.renamed_to(name, field, writes, reads).is_some() {
            return;
        }
        let rule = match (self.is_forward(), field.required) {
            (false, true) => Rule::FieldRemovedRequired,
            (false, false) => Rule::FieldRemovedOptional,
            (true, true) => Rule::FieldAddedRequired,
            (true, false) => Rule::FieldAddedOptional,
        };
        let problem = format!(
            "{} refuse fields that they do not know, {} hold it",
            self.readers(),
            self.writers()
        );
        let shape = self.written.describe(field.shape);
        self.within(&format!(".{name}"), field.required, |this| {
            this.report(rule, Severity::Break, true, None, problem);
            if let Some(found) = this.found.last_mut() {
                "deny_unknown_fields blocks every later addition: take it from consumers first"
                    .clone_into(&mut found.finding.hint);
                let side = if rule == Rule::FieldRemovedRequired || rule == Rule::FieldRemovedOptional {
                    &mut found.finding.old
                } else {
                    &mut found.finding.new
                };
                *side = Some(shape);
            }
        });
    }

    fn required_fields(
        &mut self,
        writes: &Flat<'a>,
        reads: &Flat<'a>,
        taken: &BTreeMap<&'a str, Vec<&'a str>>,
    ) {
        for (name, field) in reads.fields.iter().filter(|(_, field)| field.required) {
            match taken.get(name) {
                Some(names) if names.iter().any(|name| writes.fields[name].required) => {}
                Some(_) => {
                    let problem = format!(
                        "{} require it, {} may leave it out",
                        self.readers(),
                        self.writers()
                    );
                    self.within(&format!(".{name}"), false, |this| {
                        this.report(Rule::WriterMaySkip, Severity::Break, false, None, problem);
                    });
                }
                None => self.missing_field(name, field, writes, reads),
            }
        }
    }

    fn missing_field(&mut self, name: &'a str, field: &'a Field, writes: &Flat<'a>, reads: &Flat<'a>) {
        // A map beside the fields may or may not have this entry.
        let certain = !matches!(writes.rest, Rest::Entries { .. });
        let shape = self.read.describe(field.shape);
        let written = self.written_under(name, field, writes, reads);
        let (place, rule) = match written {
            Some(written) => (written, Rule::FieldRenamed),
            None => (
                name,
                self.either(Rule::FieldAddedRequired, Rule::FieldRemovedRequired),
            ),
        };
        // In both directions, a rename is reported at the old name.
        let place = if self.is_forward() { name } else { place };
        let (who, by) = (self.readers(), self.writers());
        let problem = match written {
            Some(written) => format!("{who} require `{name}`, {by} call it `{written}`"),
            None => format!("{who} require it, {by} lack it"),
        };
        let hint = self.missing_hint(rule, name, written, &shape);
        self.within(&format!(".{place}"), certain, |this| {
            this.report(rule, Severity::Break, true, None, problem);
            let forward = this.is_forward();
            if let Some(found) = this.found.last_mut() {
                let finding = &mut found.finding;
                let named = |name: &str| Some(format!("{name}: {shape}"));
                (finding.old, finding.new) = match (written, forward) {
                    (None, false) => (None, Some(shape.clone())),
                    (None, true) => (Some(shape.clone()), None),
                    (Some(written), false) => (named(written), named(name)),
                    (Some(written), true) => (named(name), named(written)),
                };
                finding.hint = hint;
            }
        });
    }

    fn missing_hint(&self, rule: Rule, name: &str, written: Option<&str>, shape: &str) -> String {
        match (rule, written) {
            (Rule::FieldAddedRequired, _) => {
                let next = match self.version {
                    0 => "a new version".to_owned(),
                    version => format!("version {}", version + 1),
                };
                let option = if shape.contains(' ') {
                    "`Option`".to_owned()
                } else {
                    format!("Option<{shape}>")
                };
                format!("make it {option} or #[serde(default)], or publish {next} with upcast_from")
            }
            (Rule::FieldRenamed, Some(written)) if self.is_forward() => {
                format!("keep writing `{name}` beside `{written}` until consumers moved")
            }
            (Rule::FieldRenamed, Some(written)) => {
                format!("read the old name with #[serde(alias = \"{written}\")]")
            }
            _ => rule.hint().to_owned(),
        }
    }

    /// Returns the written name of a renamed field: a field of the same shape that the reader does not know.
    fn written_under(
        &mut self,
        name: &'a str,
        field: &'a Field,
        writes: &Flat<'a>,
        reads: &Flat<'a>,
    ) -> Option<&'a str> {
        let unread: Vec<_> = writes
            .fields
            .iter()
            .filter(|(name, _)| reads.field(name).is_none())
            .collect();
        let alike = unread
            .into_iter()
            .filter(|(_, written)| self.same(written.shape, field.shape));
        let written = nearest::to(name, alike.map(|(name, _)| *name))?;
        // Require the nearest name in both directions, so that two fields never match the same one.
        let missing: Vec<&str> = reads
            .fields
            .iter()
            .filter(|(name, other)| {
                !writes.fields.contains_key(**name) && self.same(writes.fields[written].shape, other.shape)
            })
            .map(|(name, _)| *name)
            .collect();
        (nearest::to(written, missing.into_iter()) == Some(name)).then_some(written)
    }

    fn renamed_to(
        &mut self,
        name: &'a str,
        field: &'a Field,
        writes: &Flat<'a>,
        reads: &Flat<'a>,
    ) -> Option<&'a str> {
        let missing: Vec<_> = reads
            .fields
            .iter()
            .filter(|(name, read)| {
                read.required && !writes.fields.contains_key(**name) && self.same(field.shape, read.shape)
            })
            .map(|(name, read)| (*name, *read))
            .collect();
        let target = nearest::to(name, missing.iter().map(|(name, _)| *name))?;
        let read = missing.iter().find(|(name, _)| *name == target)?.1;
        (self.written_under(target, read, writes, reads) == Some(name)).then_some(target)
    }

    fn same(&mut self, written: Id, read: Id) -> bool {
        self.written.describe(written) == self.read.describe(read)
            && !fails(&self.attempt(|this| this.value(written, read, false)))
    }
}
