//! Compares enums: variants by their tags, untagged ones by trial.

use super::{FoundFinding, Inclusion};
use crate::compat::counterexample;
use crate::compat::finding::Severity;
use crate::compat::rule::Rule;
use crate::compat::shape::{Enum, Id, Kind, Object, ResolvedShape, Rest, Shapes, Tagging, Variant};

impl<'a> Inclusion<'a> {
    pub(super) fn enums(&mut self, written: &'a Enum, read: &'a Enum, buffered: bool) {
        let by_object = match (&written.tagging, &read.tagging) {
            (Tagging::External, Tagging::External) => false,
            (
                Tagging::Adjacent { tag, content, .. },
                Tagging::Adjacent {
                    tag: other,
                    content: inner,
                    ..
                },
            ) if tag == other && content == inner => false,
            (one, other) if one.tag().is_some() && one.tag() == other.tag() => true,
            _ => return self.tagging(written, read),
        };
        if written.content_moved(self.written, read, self.read) {
            let found = self.attempt(|this| this.variants(written, read, by_object, buffered));
            if fails(&found) {
                self.tagging(written, read);
            }
            return;
        }
        self.variants(written, read, by_object, buffered);
    }

    fn tagging(&mut self, written: &Enum, read: &Enum) {
        let problem = format!(
            "{} are tagged {}, {} expect a tag {}",
            self.writers(),
            written.tagging.describe(&read.tagging),
            self.readers(),
            read.tagging.describe(&written.tagging)
        );
        self.report(Rule::TaggingChanged, Severity::Break, true, None, problem);
    }

    fn variants(&mut self, written: &'a Enum, read: &'a Enum, by_object: bool, buffered: bool) {
        let certain = written.variants.len() == 1;
        for variant in &written.variants {
            match read.variant(&variant.name) {
                None => self.unknown_variant(variant, written, read),
                Some(known) => self.within(&format!("({})", variant.name), certain, |this| {
                    if by_object && !this.lacks_content(variant, known, read) {
                        this.variant_object(variant, known);
                    } else {
                        this.payload(variant, known, &read.tagging, buffered);
                    }
                }),
            }
        }
    }

    /// Tells whether one side is a variant without content of an adjacently tagged enum. An enum of only such variants
    /// looks internally tagged.
    fn lacks_content(&self, written: &Variant, known: &Variant, read: &Enum) -> bool {
        let empty = |shapes: &Shapes, id: Option<Id>| match id.map(|id| shapes.resolve(id).kind) {
            Some(Kind::Object(object)) => object.is_empty(),
            _ => false,
        };
        match &read.tagging {
            Tagging::Adjacent { .. } => empty(self.written, written.object),
            Tagging::Internal { .. } => {
                let all_empty = read
                    .variants
                    .iter()
                    .all(|variant| empty(self.read, variant.object));
                written.payload.is_some() && known.payload.is_none() && all_empty
            }
            Tagging::External => false,
        }
    }

    fn unknown_variant(&mut self, variant: &Variant, written: &Enum, read: &Enum) {
        let rule = self.either(Rule::VariantRemoved, Rule::VariantAdded);
        let empty = variant.payload.is_none_or(|payload| self.is_unit(payload));
        // An internally tagged `other` variant ignores all fields. With other taggings it accepts no payload.
        let taken = read.other && (empty || matches!(read.tagging, Tagging::Internal { .. }));
        let (severity, problem) = if taken {
            (
                Severity::Warning,
                format!(
                    "{} read `{}` as their `other` variant",
                    self.readers(),
                    variant.name
                ),
            )
        } else {
            (
                Severity::Break,
                format!(
                    "{} do not know the variant `{}` of {}",
                    self.readers(),
                    variant.name,
                    self.writers()
                ),
            )
        };
        let always = written.variants.len() == 1;
        self.within(&format!("({})", variant.name), always, |this| {
            this.report(rule, severity, true, None, problem);
        });
    }

    fn is_unit(&self, written: Id) -> bool {
        matches!(self.written.resolve(written).kind, Kind::Nothing)
    }

    fn payload(&mut self, written: &Variant, read: &Variant, tagging: &Tagging, buffered: bool) {
        match (written.payload, read.payload) {
            (None, None) => {}
            (Some(written), Some(read)) => self.value(written, read, buffered),
            (None, Some(payload)) => {
                let optional = self.read.takes_null(payload)
                    && !matches!(self.read.resolve(payload).kind, Kind::Nothing);
                if !(optional && matches!(tagging, Tagging::Adjacent { .. })) {
                    let problem = format!(
                        "{} expect a payload, {} hold none",
                        self.readers(),
                        self.writers()
                    );
                    self.report(Rule::VariantPayload, Severity::Break, true, None, problem);
                }
            }
            (Some(payload), None) if self.is_unit(payload) => {}
            (Some(_), None) => {
                let severity = match tagging {
                    Tagging::Adjacent { sure: false, .. } | Tagging::Internal { .. } => Severity::Unknown,
                    _ => Severity::Break,
                };
                let problem = format!(
                    "{} expect no payload, {} hold one",
                    self.readers(),
                    self.writers()
                );
                self.report(Rule::VariantPayload, severity, true, None, problem);
            }
        }
    }

    fn variant_object(&mut self, written: &Variant, read: &Variant) {
        let (Some(written), Some(object)) = (written.object, read.object) else {
            return;
        };
        let (writes, reads) = (self.written.resolve(written), self.read.resolve(object));
        if let (Kind::Object(writes), Kind::Object(reads)) = (writes.kind, reads.kind)
            && matches!(reads.rest, Rest::Denied)
            && reads.is_empty()
            && !writes.is_empty()
        {
            let problem =
                "a unit variant passes over fields that `deny_unknown_fields` refuses in an empty struct"
                    .to_owned();
            return self.report(Rule::VariantPayload, Severity::Unknown, false, None, problem);
        }
        self.value(written, object, true);
    }

    /// Compares a written enum with a reader that expects no enum.
    pub(super) fn enum_as_plain(
        &mut self,
        written: &'a Enum,
        writes: ResolvedShape<'a>,
        reads: ResolvedShape<'a>,
        buffered: bool,
    ) {
        let both = Some((writes.id, reads.id));
        if !written.is_plain() {
            let found = self.attempt(|this| {
                for alternative in &written.alternatives {
                    this.value(*alternative, reads.id, buffered);
                }
            });
            if fails(&found) {
                return self.mismatch_partly(Rule::TypeChanged, both);
            }
            return self.keep(found, true);
        }
        match reads.kind {
            Kind::Text { format: None } => {}
            _ => self.mismatch(Rule::TypeChanged, both),
        }
    }

    /// Compares a written object with a reader that expects an enum.
    pub(super) fn object_as_enum(
        &mut self,
        written: &'a Object,
        read: &'a Enum,
        writes: ResolvedShape<'a>,
        reads: ResolvedShape<'a>,
    ) {
        let both = Some((writes.id, reads.id));
        let candidates: Vec<_> = read
            .alternatives
            .iter()
            .filter_map(|id| match self.read.resolve(*id).kind {
                Kind::Object(object) => Some((*id, object)),
                _ => None,
            })
            .collect();
        let tried: Vec<_> = candidates
            .iter()
            .map(|(id, object)| {
                self.attempt(|this| this.objects(written, object, Some((writes.id, *id)), true))
            })
            .collect();
        let decided = decide(tried);
        match decided {
            Decided::Fits(found) => self.keep(found, true),
            Decided::Open => self.cannot_tell(both),
            Decided::Fails(_) => self.mismatch_partly(Rule::TypeChanged, both),
        }
    }

    /// Compares with a reader that tries several shapes and takes the first that fits.
    pub(super) fn union(&mut self, writes: ResolvedShape<'a>, reads: ResolvedShape<'a>, members: &'a [Id]) {
        let both = Some((writes.id, reads.id));
        let tried: Vec<_> = members
            .iter()
            .map(|member| self.attempt(|this| this.non_null(writes, this.read.resolve(*member), true)))
            .collect();
        let related: Vec<bool> = members
            .iter()
            .map(|member| related(writes.kind, self.read.resolve(*member).kind))
            .collect();
        let decided = decide(tried);
        match (decided, writes.kind) {
            (Decided::Fits(found), _) => self.keep(found, true),
            // Each variant may fit another member.
            (_, Kind::Enum(written)) if !written.is_plain() => {
                let found = self.attempt(|this| {
                    for alternative in &written.alternatives {
                        this.value(*alternative, reads.id, true);
                    }
                });
                if fails(&found) {
                    self.mismatch_partly(Rule::TaggingChanged, both);
                }
            }
            (_, Kind::Enum(written)) if self.names_fit(written, members) => {}
            (Decided::Open, _) => self.cannot_tell(both),
            (Decided::Fails(found), _) if !found.iter().any(|found| found.finding.is_break()) => {
                self.keep(found, true);
            }
            (Decided::Fails(found), _) if related.iter().filter(|related| **related).count() == 1 => {
                self.keep(found, true);
            }
            _ => {
                let rule = self.either(Rule::TypeChanged, Rule::UntaggedVariantAdded);
                self.mismatch(rule, both);
            }
        }
    }

    fn names_fit(&self, written: &Enum, members: &[Id]) -> bool {
        written.variants.iter().all(|variant| {
            members
                .iter()
                .any(|member| match self.read.resolve(*member).kind {
                    Kind::Enum(read) => {
                        read.tagging == Tagging::External
                            && (read.other
                                || read
                                    .variant(&variant.name)
                                    .is_some_and(|known| known.payload.is_none()))
                    }
                    _ => false,
                })
        })
    }

    /// Several alternatives accept a part of the values. A value that none accepts proves a break.
    pub(super) fn cannot_tell(&mut self, both: Option<(Id, Id)>) {
        if let Some((written, read)) = both
            && let Some(value) = counterexample::refused(self.written, written, self.read, read)
        {
            let value = serde_json::to_string(&value).unwrap_or_default();
            let problem = format!(
                "{} may be {value}, which {} refuse",
                self.writers(),
                self.readers()
            );
            return self.report(Rule::TypeChanged, Severity::Break, false, both, problem);
        }
        let problem =
            "several alternatives accept some of its values, and the check cannot tell whether together they accept all"
                .to_owned();
        self.report(Rule::Undecidable, Severity::Unknown, false, both, problem);
    }
}

/// The result of several alternatives.
pub(super) enum Decided {
    /// One alternative accepts all values, with these warnings.
    Fits(Vec<FoundFinding>),
    /// No alternative accepts all values. The findings are those of the nearest one.
    Fails(Vec<FoundFinding>),
    /// Several alternatives accept some of the values.
    Open,
}

pub(super) fn fails(found: &[FoundFinding]) -> bool {
    found.iter().any(|found| found.finding.severity.fails())
}

/// Tells whether two kinds have values of the same JSON type.
fn related(one: &Kind, other: &Kind) -> bool {
    let class = |kind: &Kind| match kind {
        Kind::Bool => 1,
        Kind::Integer(_) | Kind::Float { .. } | Kind::Literals(_) => 2,
        Kind::Text { .. } => 3,
        Kind::Enum(it) if it.is_plain() => 3,
        Kind::List(_) | Kind::Tuple(_) => 4,
        Kind::Object(_) | Kind::Enum(_) => 5,
        _ => 6,
    };
    class(one) == class(other)
}

/// Combines the findings of several alternatives.
pub(super) fn decide(tried: Vec<Vec<FoundFinding>>) -> Decided {
    if let Some(place) = tried.iter().position(|found| !fails(found)) {
        let mut tried = tried;
        return Decided::Fits(tried.swap_remove(place));
    }
    let partial = |found: &&Vec<FoundFinding>| {
        !found
            .iter()
            .any(|found| found.always && found.finding.severity.fails())
    };
    if tried.iter().filter(partial).count() > 1 {
        return Decided::Open;
    }
    let best = match tried.iter().find(partial) {
        Some(found) => Some(found.clone()),
        None => tried.iter().min_by_key(|found| found.len()).cloned(),
    };
    Decided::Fails(best.unwrap_or_default())
}
