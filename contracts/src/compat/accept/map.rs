//! Compares maps with maps and with structs.

use super::Inclusion;
use super::enums::fails;
use crate::compat::finding::Severity;
use crate::compat::flat::Flat;
use crate::compat::rule::Rule;
use crate::compat::shape::{Id, Integer, Keys, Kind, Rest, Shapes};

impl<'a> Inclusion<'a> {
    /// Checks the entries that a writer adds to its fields.
    pub(super) fn entries(
        &mut self,
        writes: &Flat<'a>,
        reads: &Flat<'a>,
        both: Option<(Id, Id)>,
        buffered: bool,
    ) {
        let Rest::Entries { keys, value } = writes.rest else {
            return;
        };
        // An entry may have the name of a field that the reader knows.
        for (name, field) in reads
            .fields
            .iter()
            .filter(|(name, _)| !writes.fields.contains_key(**name))
        {
            let found = self.attempt(|this| this.value(*value, field.shape, buffered));
            if fails(&found) {
                let severity = if writes.fields.is_empty() {
                    Severity::Break
                } else {
                    // A flattened `Option` ignores entries that do not fit, and looks like any other field.
                    Severity::Unknown
                };
                let problem = format!(
                    "an entry of the map may be called `{name}`, and {} refuse its value",
                    self.readers()
                );
                self.within(&format!(".{name}"), false, |this| {
                    this.report(
                        Rule::TypeChanged,
                        severity,
                        false,
                        Some((*value, field.shape)),
                        problem,
                    );
                });
            }
        }
        match reads.rest {
            Rest::Entries {
                keys: read,
                value: target,
            } => {
                self.within(".*", false, |this| {
                    this.keys(*keys, *read, buffered);
                    this.value(*value, *target, buffered || !reads.fields.is_empty());
                });
            }
            Rest::Denied => self.mismatch_partly(Rule::TypeChanged, both),
            Rest::Ignored if writes.as_map().is_some() => {
                let problem = "a map is read as a struct".to_owned();
                self.report(Rule::TypeChanged, Severity::Warning, false, both, problem);
            }
            Rest::Ignored => {}
        }
    }

    pub(super) fn struct_as_map(
        &mut self,
        writes: &Flat<'a>,
        reads: &Flat<'a>,
        both: Option<(Id, Id)>,
        buffered: bool,
    ) {
        let found = self.attempt(|this| {
            this.written_fields(writes, reads, buffered);
            this.entries(writes, reads, both, buffered);
        });
        if fails(&found) {
            let always = found.iter().any(|found| found.always);
            if always {
                self.mismatch(Rule::TypeChanged, both);
            } else {
                self.mismatch_partly(Rule::TypeChanged, both);
            }
        } else {
            let problem = "a struct is read as a map".to_owned();
            self.report(Rule::TypeChanged, Severity::Warning, false, both, problem);
        }
    }

    pub(super) fn keys(&mut self, written: Keys, read: Keys, buffered: bool) {
        let number = |keys: Keys, shapes: &Shapes| match keys {
            Keys::Integer(integer) => Some(integer),
            Keys::Shape(id) => match shapes.resolve(id).kind {
                Kind::Integer(integer) => Some(*integer),
                _ => None,
            },
            Keys::Any => None,
        };
        match (
            number(written, self.written),
            number(read, self.read),
            written,
            read,
        ) {
            (Some(_), Some(_), _, _) if buffered => {
                self.bad_keys("serde reads no integer keys within an untagged or internally tagged enum");
            }
            (Some(written), Some(read), _, _) if !written.within(read) => {
                self.bad_keys("a key is beyond the range of the other");
            }
            (None, Some(_), _, _) => self.bad_keys("a key may be no number"),
            (Some(_), None, _, Keys::Shape(_)) => self.bad_keys("a key is a number"),
            (None, None, Keys::Shape(written), Keys::Shape(read)) => self.value(written, read, buffered),
            (None, None, Keys::Any, Keys::Shape(read))
                if !matches!(
                    self.read.resolve(read).kind,
                    Kind::Text { format: None } | Kind::Any
                ) =>
            {
                self.bad_keys("a key may be any text");
            }
            _ => {}
        }
    }

    fn bad_keys(&mut self, why: &str) {
        let problem = format!("{} refuse keys: {why}", self.readers());
        self.report(Rule::TypeChanged, Severity::Break, false, None, problem);
    }

    /// Checks the name of a written field as a key of the reader's map.
    pub(super) fn key(&mut self, name: &str, keys: Keys) {
        let number = |integer: Integer| {
            let key = name.parse::<i128>();
            key.is_ok_and(|key| integer.min <= key && key <= integer.max)
        };
        let fits = match keys {
            Keys::Any => true,
            Keys::Integer(integer) => number(integer),
            Keys::Shape(id) => match &self.read.resolve(id).kind {
                Kind::Integer(integer) => number(*integer),
                Kind::Bool => matches!(name, "true" | "false"),
                Kind::Text { format: Some(format) } => format == "char" && name.chars().count() == 1,
                Kind::Unclear(_) => false,
                _ => true,
            },
        };
        if !fits {
            self.bad_keys(&format!("`{name}` is not one"));
        }
    }
}
