//! An object as it is on the wire: its own fields, and those of one alternative of each flattened enum.

use std::collections::BTreeMap;

use super::shape::{Field, Id, Kind, Object, Rest, Shapes};

/// The limit of combinations of flattened enums. More than that is undecidable.
const COMBINATIONS: usize = 256;

#[derive(Debug, Clone)]
pub(crate) struct Flat<'a> {
    pub(crate) fields: BTreeMap<&'a str, &'a Field>,
    pub(crate) rest: &'a Rest,
}

impl<'a> Flat<'a> {
    /// Returns the field that has this name or alias.
    pub(crate) fn field(&self, name: &str) -> Option<(&'a str, &'a Field)> {
        let named = |(name, field): (&&'a str, &&'a Field)| (*name, *field);
        self.fields.get_key_value(name).map(named).or_else(|| {
            let mut fields = self.fields.iter();
            fields
                .find(|(_, field)| field.aliases.iter().any(|alias| alias == name))
                .map(named)
        })
    }

    /// Returns the shape of the values when the object is only a map.
    pub(crate) fn as_map(&self) -> Option<Id> {
        match self.rest {
            Rest::Entries { value, .. } if self.fields.is_empty() => Some(*value),
            _ => None,
        }
    }

    fn with(&self, inner: &Self) -> Self {
        let mut flat = self.clone();
        for (name, field) in &inner.fields {
            flat.fields.entry(name).or_insert(field);
        }
        if let (Rest::Ignored, Rest::Entries { .. }) = (self.rest, inner.rest) {
            flat.rest = inner.rest;
        }
        flat
    }
}

/// Returns all combinations of the flattened enums of an object; `None` when there are too many, or one is not an
/// object.
pub(crate) fn flatten<'a>(shapes: &'a Shapes, object: &'a Object) -> Option<Vec<Flat<'a>>> {
    let fields = object
        .fields
        .iter()
        .map(|(name, field)| (name.as_str(), field))
        .collect();
    let mut flats = vec![Flat {
        fields,
        rest: &object.rest,
    }];
    for group in &object.groups {
        let mut alternatives = Vec::new();
        for id in &group.alternatives {
            alternatives.extend(alternatives_of(shapes, *id)?);
        }
        if flats.len() * alternatives.len() > COMBINATIONS {
            return None;
        }
        flats = flats
            .iter()
            .flat_map(|flat| alternatives.iter().map(|alternative| flat.with(alternative)))
            .collect();
    }
    Some(flats)
}

fn alternatives_of<'a>(shapes: &'a Shapes, id: Id) -> Option<Vec<Flat<'a>>> {
    let all = |ids: &'a [Id]| {
        let each: Option<Vec<_>> = ids.iter().map(|id| alternatives_of(shapes, *id)).collect();
        Some(each?.into_iter().flatten().collect())
    };
    match shapes.resolve(id).kind {
        Kind::Object(object) => flatten(shapes, object),
        Kind::Enum(it) if !it.is_plain() => all(&it.alternatives),
        Kind::Union(members) => all(members),
        _ => None,
    }
}
