//! Finds the changes between two schemas of the same side, and names their rules. [`super::accept`] decides whether a
//! change breaks consumers. This module adds the warnings that no single event can show.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::finding::Severity;
use super::nearest;
use super::rule::Rule;
use super::shape::{Enum, Field, Id, Integer, Kind, Object, ResolvedShape, Rest, Shapes, Tagging};

/// A change, and its severity in each direction when consumers still read every event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) rule: Rule,
    pub(crate) path: String,
    pub(crate) backward: Severity,
    pub(crate) forward: Severity,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

pub(crate) fn changes_between(old: &Shapes, new: &Shapes) -> Vec<Change> {
    let mut walk = ChangeWalk {
        old,
        new,
        path: "data".to_owned(),
        seen: BTreeSet::new(),
        changes: Vec::new(),
    };
    walk.value(old.root, new.root);
    walk.changes
}

struct ChangeWalk<'a> {
    old: &'a Shapes,
    new: &'a Shapes,
    path: String,
    seen: BTreeSet<(Id, Id)>,
    changes: Vec<Change>,
}

const OK: Severity = Severity::Ok;
const WARNING: Severity = Severity::Warning;

impl<'a> ChangeWalk<'a> {
    fn value(&mut self, old: Id, new: Id) {
        let (was, is) = (self.old.resolve(old), self.new.resolve(new));
        match (self.old.takes_null(old), self.new.takes_null(new)) {
            _ if matches!(was.kind, Kind::Any | Kind::Nothing)
                || matches!(is.kind, Kind::Any | Kind::Nothing) => {}
            (false, true) => self.note(Rule::BecameNullable, old, new),
            (true, false) => self.note(Rule::BecameNonNull, old, new),
            _ => {}
        }
        if self.seen.insert((was.id, is.id)) {
            self.kinds(was, is);
        }
    }

    fn kinds(&mut self, was: ResolvedShape<'a>, is: ResolvedShape<'a>) {
        match (was.kind, is.kind) {
            (Kind::Bool, Kind::Bool)
            | (Kind::Any, Kind::Any)
            | (Kind::Nothing, Kind::Nothing)
            | (Kind::Unclear(_), _)
            | (_, Kind::Unclear(_)) => {}
            (Kind::Integer(old), Kind::Integer(new)) => {
                self.integers(*old, *new, was, is);
                self.constraints(was, is);
            }
            (Kind::Float { single: old }, Kind::Float { single: new }) => {
                if (*old, *new) == (false, true) {
                    self.note(Rule::FloatNarrowed, was.id, is.id);
                }
                self.constraints(was, is);
            }
            (Kind::Integer(_), Kind::Float { .. }) => self.note(Rule::IntToFloat, was.id, is.id),
            (Kind::Float { .. }, Kind::Integer(_)) => self.note(Rule::FloatToInt, was.id, is.id),
            (Kind::Text { format: old }, Kind::Text { format: new }) => {
                match (old, new) {
                    (old, new) if old == new => {}
                    (None, Some(_)) => self.note(Rule::FormatAdded, was.id, is.id),
                    (Some(_), None) => self.note(Rule::FormatRemoved, was.id, is.id),
                    _ => self.note(Rule::FormatChanged, was.id, is.id),
                }
                self.constraints(was, is);
            }
            (Kind::Literals(old), Kind::Literals(new)) if old == new => {}
            (Kind::List(old), Kind::List(new)) => {
                self.within("[]", |this| this.value(*old, *new));
                self.constraints(was, is);
            }
            (Kind::Tuple(old), Kind::Tuple(new)) if old.len() == new.len() => {
                for (place, (old, new)) in old.iter().zip(new).enumerate() {
                    self.within(&format!("[{place}]"), |this| this.value(*old, *new));
                }
            }
            (Kind::Object(old), Kind::Object(new)) => self.objects(old, new, was, is),
            (Kind::Enum(old), Kind::Enum(new)) => self.enums(old, new),
            (Kind::Union(old), Kind::Union(new)) => self.unions(old, new),
            (Kind::Enum(it), Kind::Union(_)) | (Kind::Union(_), Kind::Enum(it)) if !it.is_plain() => {
                self.note(Rule::TaggingChanged, was.id, is.id);
            }
            _ => self.note(Rule::TypeChanged, was.id, is.id),
        }
    }

    fn integers(&mut self, old: Integer, new: Integer, was: ResolvedShape<'a>, is: ResolvedShape<'a>) {
        let zero = (old.nonzero == Some(true), new.nonzero == Some(true));
        if !old.within(new) || zero == (false, true) {
            self.note(Rule::IntNarrowed, was.id, is.id);
        }
        if !new.within(old) || zero == (true, false) {
            self.note(Rule::IntWidened, was.id, is.id);
        }
    }

    fn constraints(&mut self, was: ResolvedShape<'a>, is: ResolvedShape<'a>) {
        let (old, new) = (was.constraints, is.constraints);
        let keywords: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let (mut tighter, mut looser) = (Vec::new(), Vec::new());
        for keyword in keywords {
            let values = (old.get(keyword), new.get(keyword));
            if values.0 != values.1 {
                let (tightened, loosened) = narrower(keyword, values.0, values.1);
                tightened.then(|| tighter.push(keyword));
                loosened.then(|| looser.push(keyword));
            }
        }
        let text = |constraints: &BTreeMap<String, Value>, keywords: &[&String]| {
            let texts: Vec<_> = keywords
                .iter()
                .filter_map(|keyword| Some(format!("{keyword}: {}", constraints.get(*keyword)?)))
                .collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        };
        if !tighter.is_empty() {
            self.push(
                Rule::ConstraintTightened,
                [WARNING, OK],
                text(old, &tighter),
                text(new, &tighter),
            );
        }
        if !looser.is_empty() {
            self.push(
                Rule::ConstraintLoosened,
                [OK, WARNING],
                text(old, &looser),
                text(new, &looser),
            );
        }
    }

    fn objects(&mut self, old: &'a Object, new: &'a Object, was: ResolvedShape<'a>, is: ResolvedShape<'a>) {
        let map = |object: &Object| object.fields.is_empty() && matches!(object.rest, Rest::Entries { .. });
        if map(old) != map(new) {
            return self.note(Rule::TypeChanged, was.id, is.id);
        }
        let denied = |object: &Object| matches!(object.rest, Rest::Denied);
        match (denied(old), denied(new)) {
            (false, true) => self.push(Rule::UnknownDenied, [WARNING, OK], None, None),
            (true, false) => self.push(Rule::UnknownAllowed, [OK, OK], None, None),
            _ => {}
        }
        if let (Rest::Entries { value: old, .. }, Rest::Entries { value: new, .. }) = (&old.rest, &new.rest) {
            self.within(".*", |this| this.value(*old, *new));
        }
        for (old, new) in old.groups.iter().zip(&new.groups) {
            for (old, new) in old.alternatives.iter().zip(&new.alternatives) {
                if self.old.describe(*old) == self.new.describe(*new) {
                    self.value(*old, *new);
                }
            }
        }
        self.fields(old, new);
    }

    fn fields(&mut self, old: &'a Object, new: &'a Object) {
        let removed_fields: Vec<_> = old
            .fields
            .iter()
            .filter(|(name, _)| !new.fields.contains_key(*name))
            .collect();
        let added_fields: Vec<_> = new
            .fields
            .iter()
            .filter(|(name, _)| !old.fields.contains_key(*name))
            .collect();
        let renamed = self.renamed(&removed_fields, &added_fields);
        for (name, field) in &removed_fields {
            if let Some((_, to)) = renamed.iter().find(|(from, _)| from == name) {
                self.renamed_field(name, field, to, &new.fields[*to]);
                continue;
            }
            let rule = if field.required {
                Rule::FieldRemovedRequired
            } else {
                Rule::FieldRemovedOptional
            };
            let shape = Some(self.old.describe(field.shape));
            self.within(&format!(".{name}"), |this| this.push(rule, [OK, OK], shape, None));
        }
        for (name, field) in added_fields
            .iter()
            .filter(|(name, _)| !renamed.iter().any(|(_, to)| to == name))
        {
            let rule = if field.required {
                Rule::FieldAddedRequired
            } else {
                Rule::FieldAddedOptional
            };
            let shape = Some(self.new.describe(field.shape));
            self.within(&format!(".{name}"), |this| this.push(rule, [OK, OK], None, shape));
        }
        for (name, old) in &old.fields {
            if let Some(new) = new.fields.get(name) {
                self.within(&format!(".{name}"), |this| this.field(old, new));
            }
        }
    }

    fn renamed_field(&mut self, name: &str, old: &Field, to: &str, new: &Field) {
        let by_alias = new.aliases.iter().any(|alias| alias == name);
        // When the reader does not require the field, no event fails, but the value is lost silently.
        let severity = if by_alias {
            [OK, WARNING]
        } else {
            [WARNING, WARNING]
        };
        let named = |name: &str, shape| Some(format!("{name}: {shape}"));
        let (was, is) = (
            named(name, self.old.describe(old.shape)),
            named(to, self.new.describe(new.shape)),
        );
        self.within(&format!(".{name}"), |this| {
            this.push(Rule::FieldRenamed, severity, was, is);
            this.value(old.shape, new.shape);
        });
    }

    /// Finds renamed fields: the new field has the old name as an alias, or has the same shape.
    fn renamed<'b>(
        &self,
        removed_fields: &[(&'b String, &'b Field)],
        added_fields: &[(&'b String, &'b Field)],
    ) -> Vec<(&'b String, &'b String)> {
        let alike = |old: &Field, new: &Field| self.old.describe(old.shape) == self.new.describe(new.shape);
        let mut renamed = Vec::new();
        for (name, old) in removed_fields {
            let by_alias = added_fields
                .iter()
                .find(|(_, new)| new.aliases.contains(name))
                .map(|(name, _)| *name);
            let by_shape = || {
                let names = added_fields
                    .iter()
                    .filter(|(_, new)| alike(old, new))
                    .map(|(name, _)| name.as_str());
                let to = nearest::to(name, names)?;
                let (to, new) = added_fields.iter().find(|(name, _)| *name == to)?;
                let back = removed_fields
                    .iter()
                    .filter(|(_, other)| alike(other, new))
                    .map(|(name, _)| name.as_str());
                (nearest::to(to, back) == Some(name.as_str())).then_some(*to)
            };
            if let Some(to) = by_alias.or_else(by_shape) {
                renamed.push((*name, to));
            }
        }
        renamed
    }

    fn field(&mut self, old: &'a Field, new: &'a Field) {
        self.value(old.shape, new.shape);
        let same_null = self.old.takes_null(old.shape) == self.new.takes_null(new.shape);
        match (old.required, new.required) {
            (true, false) if same_null => {
                self.push(Rule::BecameDefault, [OK, OK], None, None);
            }
            (false, true) if same_null => {
                self.push(Rule::BecameRequired, [OK, OK], None, None);
            }
            (false, false) if same_null => self.default(old, new),
            _ => {}
        }
        let join = |names: Vec<&String>| {
            names
                .into_iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let added: Vec<_> = new
            .aliases
            .iter()
            .filter(|alias| !old.aliases.contains(alias))
            .collect();
        let removed: Vec<_> = old
            .aliases
            .iter()
            .filter(|alias| !new.aliases.contains(alias))
            .collect();
        if !added.is_empty() {
            self.push(Rule::AliasAdded, [OK, OK], None, Some(join(added)));
        }
        if !removed.is_empty() {
            // Events with the old name fail when the field is required, and lose its value otherwise.
            let severity = if new.required { Severity::Break } else { WARNING };
            self.push(Rule::AliasRemoved, [severity, OK], Some(join(removed)), None);
        }
    }

    fn default(&mut self, old: &Field, new: &Field) {
        let text = |field: &Field| field.default.as_ref().map_or("null".to_owned(), Value::to_string);
        let (old, new) = (text(old), text(new));
        if old != new {
            self.push(Rule::DefaultChanged, [WARNING, WARNING], Some(old), Some(new));
        }
    }

    fn enums(&mut self, old: &'a Enum, new: &'a Enum) {
        if !alike(&old.tagging, &new.tagging) || old.content_moved(self.old, new, self.new) {
            let (old, new) = (
                old.tagging.describe(&new.tagging),
                new.tagging.describe(&old.tagging),
            );
            return self.push(Rule::TaggingChanged, [OK, OK], Some(old), Some(new));
        }
        let adjacent = |it: &Enum| matches!(it.tagging, Tagging::Adjacent { .. });
        let both_adjacent = adjacent(old) && adjacent(new);
        for variant in &old.variants {
            self.within(&format!("({})", variant.name), |this| {
                let Some(other) = new.variant(&variant.name) else {
                    return this.push(Rule::VariantRemoved, [OK, OK], Some(variant.name.clone()), None);
                };
                match (variant.payload, other.payload, variant.object.zip(other.object)) {
                    (Some(old), Some(new), _) | (None, None, Some((old, new))) => this.value(old, new),
                    (None, None, None) => {}
                    // One of the two only looks adjacently tagged.
                    (_, _, Some((old, new))) if !both_adjacent => this.value(old, new),
                    _ => this.push(Rule::VariantPayload, [OK, OK], None, None),
                }
            });
        }
        for variant in new
            .variants
            .iter()
            .filter(|variant| old.variant(&variant.name).is_none())
        {
            // The variant may be a renamed old one.
            let known = variant.aliases.iter().any(|alias| old.variant(alias).is_some());
            let rule = if known {
                Rule::AliasAdded
            } else {
                Rule::VariantAdded
            };
            self.within(&format!("({})", variant.name), |this| {
                this.push(rule, [OK, OK], None, Some(variant.name.clone()));
            });
        }
    }

    fn unions(&mut self, old: &'a [Id], new: &'a [Id]) {
        let was: Vec<_> = old.iter().map(|id| self.old.describe(*id)).collect();
        let is: Vec<_> = new.iter().map(|id| self.new.describe(*id)).collect();
        let removed: Vec<_> = was.iter().filter(|text| !is.contains(text)).cloned().collect();
        let added: Vec<_> = is.iter().filter(|text| !was.contains(text)).cloned().collect();
        for (text, old) in was.iter().zip(old) {
            if let Some(place) = is.iter().position(|other| other == text) {
                self.value(*old, new[place]);
            }
        }
        match (removed.len(), added.len()) {
            (0, 0) if was != is => self.push(Rule::UntaggedReordered, [WARNING, WARNING], None, None),
            (0, 0) => {}
            (0, _) => self.push(
                Rule::UntaggedVariantAdded,
                [WARNING, OK],
                None,
                Some(added.join(", ")),
            ),
            (_, 0) => self.push(Rule::VariantRemoved, [OK, OK], Some(removed.join(", ")), None),
            _ => self.push(
                Rule::TypeChanged,
                [OK, OK],
                Some(removed.join(", ")),
                Some(added.join(", ")),
            ),
        }
    }

    fn note(&mut self, rule: Rule, old: Id, new: Id) {
        let (old, new) = (self.old.describe(old), self.new.describe(new));
        self.push(rule, [OK, OK], Some(old), Some(new));
    }

    fn push(
        &mut self,
        rule: Rule,
        [backward, forward]: [Severity; 2],
        old: Option<String>,
        new: Option<String>,
    ) {
        self.changes.push(Change {
            rule,
            path: self.path.clone(),
            backward,
            forward,
            old,
            new,
        });
    }

    fn within(&mut self, step: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        walk(self);
        self.path.truncate(length);
    }
}

/// Tells whether two taggings are the same. An internally tagged enum whose variants have one field each looks
/// adjacently tagged.
fn alike(old: &Tagging, new: &Tagging) -> bool {
    match (old, new) {
        (Tagging::Adjacent { tag, sure: false, .. }, Tagging::Internal { tag: other })
        | (
            Tagging::Internal { tag },
            Tagging::Adjacent {
                tag: other,
                sure: false,
                ..
            },
        ) => tag == other,
        (
            Tagging::Adjacent { tag, content, .. },
            Tagging::Adjacent {
                tag: other,
                content: inner,
                ..
            },
        ) => tag == other && content == inner,
        (old, new) => old == new,
    }
}

/// Tells whether a constraint is narrower, and whether it is wider.
fn narrower(keyword: &str, old: Option<&Value>, new: Option<&Value>) -> (bool, bool) {
    let numbers = old.and_then(Value::as_f64).zip(new.and_then(Value::as_f64));
    match (old, new, numbers) {
        (None, Some(_), _) => (true, false),
        (Some(_), None, _) => (false, true),
        (_, _, Some((old, new))) if keyword.starts_with("max") || keyword == "exclusiveMaximum" => {
            (new < old, new > old)
        }
        (_, _, Some((old, new))) if keyword.starts_with("min") || keyword == "exclusiveMinimum" => {
            (new > old, new < old)
        }
        // Two patterns are not comparable.
        _ => (true, true),
    }
}
