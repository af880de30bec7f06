//! Counterexamples: sample values of a shape, and whether another shape reads them.
//!
//! When several alternatives each read a part of the values, the shapes alone cannot tell whether they read all of
//! them together. A value that no alternative reads proves that they do not.

use serde_json::{Map, Value, json};

use super::flat::{Flat, flatten};
use super::shape::{Enum, Id, Integer, Keys, Kind, MAX_I128, Object, Rest, Shapes, Tagging};

/// The maximum depth of sample values.
const DEPTH: usize = 4;
/// The maximum number of sample values per shape.
const MOST: usize = 64;

/// Returns a value of `written` that `read` certainly refuses.
pub(crate) fn refused(written: &Shapes, value: Id, read: &Shapes, reader: Id) -> Option<Value> {
    let values = written.samples(value, DEPTH);
    values.into_iter().find(|value| !read.reads(reader, value))
}

impl Shapes {
    /// Returns sample values of the shape; none where they would be too deep.
    fn samples(&self, id: Id, depth: usize) -> Vec<Value> {
        let seen = self.resolve(id);
        let mut samples = match depth.checked_sub(1) {
            Some(depth) => self.samples_of(seen.kind, depth),
            None => Vec::new(),
        };
        samples.truncate(MOST);
        if seen.nullable {
            samples.push(Value::Null);
        }
        samples
    }

    fn samples_of(&self, kind: &Kind, depth: usize) -> Vec<Value> {
        match kind {
            Kind::Any => vec![
                json!({}),
                json!([]),
                json!("text"),
                json!(true),
                json!(0.5),
                json!(7),
                Value::Null,
            ],
            Kind::Nothing | Kind::Same(_) | Kind::Unclear(_) => Vec::new(),
            Kind::Bool => vec![json!(true), json!(false)],
            Kind::Integer(integer) => integers(*integer),
            Kind::Float { .. } => vec![json!(0.5), json!(-1.0), json!(1e10)],
            Kind::Text { format } => text(format.as_deref()).into_iter().collect(),
            Kind::Literals(values) => values.clone(),
            Kind::List(item) => {
                let items = self.samples(*item, depth);
                let one = items.iter().map(|item| json!([item]));
                one.chain([json!([]), Value::Array(items.clone())]).collect()
            }
            Kind::Tuple(items) => {
                let items: Vec<_> = items.iter().map(|item| self.samples(*item, depth)).collect();
                let pick = |plan: &[usize]| {
                    items
                        .iter()
                        .zip(plan)
                        .map(|(values, at)| values[*at].clone())
                        .collect()
                };
                let counts: Vec<_> = items.iter().map(Vec::len).collect();
                plans(&counts)
                    .iter()
                    .map(|plan| Value::Array(pick(plan)))
                    .collect()
            }
            Kind::Object(object) => self.objects(object, depth),
            Kind::Enum(it) => {
                let plain = it
                    .variants
                    .iter()
                    .filter(|_| it.is_plain())
                    .map(|variant| json!(variant.name));
                let alternatives = it.alternatives.iter().flat_map(|id| self.samples(*id, depth + 1));
                plain.chain(alternatives).collect()
            }
            Kind::Union(members) => members
                .iter()
                .flat_map(|id| self.samples(*id, depth + 1))
                .collect(),
        }
    }

    fn objects(&self, object: &Object, depth: usize) -> Vec<Value> {
        let flats = flatten(self, object).unwrap_or_default();
        flats
            .iter()
            .flat_map(|flat| self.objects_of(flat, depth))
            .collect()
    }

    fn objects_of(&self, flat: &Flat<'_>, depth: usize) -> Vec<Value> {
        let mut fields: Vec<(&str, Vec<Option<Value>>)> = Vec::new();
        for (name, field) in &flat.fields {
            let mut values: Vec<_> = self.samples(field.shape, depth).into_iter().map(Some).collect();
            if !field.required {
                // An optional field is usually absent when it is null.
                values.retain(|value| *value != Some(Value::Null));
                values.push(None);
            }
            fields.push((name, values));
        }
        if let Rest::Entries { keys, value } = flat.rest {
            let key = match keys {
                Keys::Integer(_) => "7",
                Keys::Any | Keys::Shape(_) => "key",
            };
            let mut values: Vec<_> = self.samples(*value, depth).into_iter().map(Some).collect();
            values.push(None);
            fields.push((key, values));
        }
        let counts: Vec<_> = fields.iter().map(|(_, values)| values.len()).collect();
        let object = |plan: &Vec<usize>| {
            let picked = fields.iter().zip(plan);
            let present =
                picked.filter_map(|((name, values), at)| Some(((*name).to_owned(), values[*at].clone()?)));
            Value::Object(present.collect())
        };
        plans(&counts).iter().map(object).collect()
    }

    /// Tells whether the shape reads the value. True wherever that is uncertain.
    fn reads(&self, id: Id, value: &Value) -> bool {
        let seen = self.resolve(id);
        if value.is_null() && self.takes_null(id) {
            return true;
        }
        match (seen.kind, value) {
            (Kind::Any | Kind::Unclear(_), _) => true,
            (Kind::Bool, value) => value.is_boolean(),
            (Kind::Integer(integer), value) => integer.accepts(value),
            (Kind::Float { .. }, value) => value.is_number(),
            (Kind::Text { format: None }, value) => value.is_string(),
            (Kind::Text { format: Some(format) }, Value::String(written)) => reads_format(format, written),
            (Kind::Literals(values), value) => values.contains(value),
            (Kind::List(item), Value::Array(items)) => items.iter().all(|value| self.reads(*item, value)),
            (Kind::Tuple(ids), Value::Array(items)) => {
                ids.len() == items.len() && ids.iter().zip(items).all(|(id, value)| self.reads(*id, value))
            }
            (Kind::Object(object), Value::Object(value)) => self.reads_object(object, value),
            // serde also reads a struct from an array. The order of its fields is unknown.
            (Kind::Object(object), Value::Array(items)) => {
                object.groups.is_empty() && items.len() <= object.fields.len()
            }
            (Kind::Enum(it), value) => self.reads_enum(it, value),
            (Kind::Union(members), value) => members.iter().any(|member| self.reads(*member, value)),
            _ => false,
        }
    }

    fn reads_object(&self, object: &Object, value: &Map<String, Value>) -> bool {
        let Some(flats) = flatten(self, object) else {
            return true;
        };
        flats.iter().any(|flat| {
            let known = |name: &str| flat.field(name);
            let fields = value.iter().all(|(name, value)| match (known(name), flat.rest) {
                (Some((_, field)), _) => self.reads(field.shape, value),
                (None, Rest::Ignored) => true,
                (None, Rest::Denied) => false,
                (None, Rest::Entries { value: id, .. }) => self.reads(*id, value),
            });
            let present = |name: &str| {
                value
                    .keys()
                    .any(|key| known(key).is_some_and(|(known, _)| known == name))
            };
            fields
                && flat
                    .fields
                    .iter()
                    .all(|(name, field)| !field.required || present(name))
        })
    }

    fn reads_enum(&self, it: &Enum, value: &Value) -> bool {
        match (&it.tagging, value) {
            (Tagging::External, Value::String(name)) => it
                .variant(name)
                .map_or(it.other, |variant| variant.payload.is_none()),
            (Tagging::External, Value::Object(object)) => {
                let mut entries = object.iter();
                let (Some((name, value)), None) = (entries.next(), entries.next()) else {
                    return false;
                };
                match it.variant(name) {
                    Some(variant) => variant
                        .payload
                        .map_or(value.is_null(), |payload| self.reads(payload, value)),
                    None => it.other && value.is_null(),
                }
            }
            (Tagging::Internal { tag } | Tagging::Adjacent { tag, .. }, Value::Object(object)) => {
                let Some(Value::String(name)) = object.get(tag) else {
                    return false;
                };
                let Some(variant) = it.variant(name) else {
                    return it.other;
                };
                let mut rest = object.clone();
                rest.remove(tag);
                let object = variant.object.map(|id| self.resolve(id).kind);
                let content = match &it.tagging {
                    Tagging::Adjacent { content, .. } => rest.get(content),
                    _ => None,
                };
                match (object, content) {
                    // Absent content is read as `None`.
                    (_, None) if variant.payload.is_some_and(|payload| self.takes_null(payload)) => true,
                    (Some(Kind::Object(object)), _) => self.reads_object(object, &rest),
                    _ => true,
                }
            }
            // serde also reads a tagged enum from an array.
            (Tagging::Internal { .. } | Tagging::Adjacent { .. }, Value::Array(items)) => !items.is_empty(),
            _ => false,
        }
    }
}

/// Combines sample values: the first of each list, then each other value in turn. Empty when one list is empty.
fn plans(counts: &[usize]) -> Vec<Vec<usize>> {
    if counts.contains(&0) {
        return Vec::new();
    }
    let first = vec![0; counts.len()];
    let others = counts.iter().enumerate().flat_map(|(place, count)| {
        let first = &first;
        (1..*count).map(move |at| {
            let mut plan = first.clone();
            plan[place] = at;
            plan
        })
    });
    let others: Vec<_> = others.collect();
    [first].into_iter().chain(others).collect()
}

fn integers(integer: Integer) -> Vec<Value> {
    let ends = [
        7,
        integer.min.max(i128::from(i64::MIN)),
        integer.max.min(i128::from(u64::MAX)),
        0,
    ];
    let ends = ends
        .into_iter()
        .filter(|number| integer.contains(*number) && *number < MAX_I128);
    ends.map(|number| match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => json!(number),
        (_, Ok(number)) => json!(number),
        _ => Value::Null,
    })
    .collect()
}

/// An example of each format. It may fit other formats too.
const TEXTS: &[(&str, &str)] = &[
    ("char", "x"),
    ("date", "2026-11-23"),
    ("date-time", "2026-11-23T10:00:00Z"),
    ("decimal", "12.5"),
    ("duration", "PT1S"),
    ("ip", "::1"),
    ("ipv4", "127.0.0.1"),
    ("ipv6", "::1"),
    ("partial-date-time", "2026-11-23T10:00:00"),
    ("partial-time", "10:00:00"),
    ("semver", "1.2.3"),
    ("uri", "https://example.com/"),
    ("uuid", "01933b5e-6c00-7000-8000-000000000000"),
];

fn text(format: Option<&str>) -> Option<Value> {
    match format {
        None => Some(json!("no such text")),
        Some(format) => TEXTS
            .iter()
            .find(|(name, _)| *name == format)
            .map(|(_, text)| json!(text)),
    }
}

fn reads_format(format: &str, written: &str) -> bool {
    if format == "char" {
        return written.chars().count() == 1;
    }
    let known = TEXTS.iter().any(|(name, _)| *name == format);
    let alike =
        |(name, text): &(&str, &str)| *text == written && super::text::fits(Some(*name), Some(format));
    !known || TEXTS.iter().any(alike)
}
