//! Reads the alternatives of a schema as the variants of an enum, by the tags that serde writes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Reader;
use crate::compat::keywords::{Choice, Facts, Keywords};
use crate::compat::shape::{Enum, Field, Id, Kind, Node, Object, Tagging, UNWRITTEN, Variant};

/// The form of one alternative.
enum Form<'a> {
    /// One or more names, `"Card"`.
    Names(Vec<&'a str>),
    /// An object with one key, `{"Card": …}`.
    Keyed(&'a str),
    /// An object with constant texts. Each of them may be the tag.
    Tagged(BTreeSet<&'a str>),
    /// A schema of another form.
    Plain,
}

pub(crate) fn plain(names: &[&str], facts: &Facts<'_>) -> Enum {
    Enum {
        tagging: Tagging::External,
        variants: names.iter().map(|name| variant(name, facts)).collect(),
        other: facts.other,
        alternatives: Vec::new(),
    }
}

fn variant(name: &str, facts: &Facts<'_>) -> Variant {
    let aliases = facts.aliases.get(name).into_iter().flatten();
    Variant {
        name: name.to_owned(),
        aliases: aliases.map(|alias| (*alias).to_owned()).collect(),
        payload: None,
        object: None,
    }
}

struct Alternative<'a> {
    schema: &'a Value,
    keywords: Option<Keywords<'a>>,
    form: Form<'a>,
}

/// Reads several alternatives: an enum, a union, or a union of an enum and untagged alternatives.
pub(crate) fn read<'a>(reader: &mut Reader<'a>, schemas: &[&'a Value], choice: &Choice<'a>) -> Node {
    let alternatives: Vec<Alternative<'a>> = schemas
        .iter()
        .map(|schema| classify(reader, schema, choice))
        .collect();
    let (external, rest): (Vec<_>, Vec<_>) = alternatives
        .into_iter()
        .partition(|it| matches!(it.form, Form::Names(_) | Form::Keyed(_)));
    let tag = common_tag(&rest);
    let (internal, plain): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|it| matches!((&it.form, tag), (Form::Tagged(tags), Some(tag)) if tags.contains(tag)));
    let mut nodes = Vec::new();
    if !external.is_empty() {
        nodes.push(external_enum(reader, &external, choice));
    }
    if let Some(tag) = tag {
        nodes.push(tagged_enum(reader, tag, &internal, choice));
    }
    if nodes.len() == 1 && plain.is_empty() {
        return nodes.remove(0);
    }
    let mut members: Vec<Id> = nodes.into_iter().map(|node| reader.push(node)).collect();
    members.extend(plain.iter().map(|it| reader.read(it.schema)));
    Node::new(match members.as_slice() {
        [one] => Kind::Same(*one),
        _ => Kind::Union(members),
    })
}

fn classify<'a>(reader: &Reader<'a>, schema: &'a Value, choice: &Choice<'a>) -> Alternative<'a> {
    // An alternative that is only a reference is a type of its own, in an untagged variant.
    let keywords = match schema {
        Value::Object(schema) if !is_reference(schema) => Some(reader.keywords(schema)),
        _ => None,
    };
    let form = keywords
        .as_ref()
        .map_or(Form::Plain, |keywords| form(keywords, choice));
    Alternative {
        schema,
        keywords,
        form,
    }
}

fn is_reference(schema: &Map<String, Value>) -> bool {
    schema.contains_key("$ref") && !schema.contains_key("properties")
}

fn form<'a>(keywords: &Keywords<'a>, choice: &Choice<'a>) -> Form<'a> {
    if keywords.undecidable {
        return Form::Plain;
    }
    if let Some(names) = keywords.texts() {
        return Form::Names(names);
    }
    if !keywords.is_object() {
        return Form::Plain;
    }
    let tags: BTreeSet<&str> = keywords
        .fields
        .iter()
        .filter(|(name, schema)| {
            keywords.required.contains(**name) && schema.get("const").is_some_and(Value::is_string)
        })
        .map(|(name, _)| *name)
        .collect();
    if !tags.is_empty() {
        return Form::Tagged(tags);
    }
    let closed = keywords.rest == Some(&Value::Bool(false)) || (keywords.rest.is_none() && choice.exclusive);
    match keywords.fields.first_key_value() {
        Some((name, _))
            if closed
                && keywords.fields.len() == 1
                && keywords.required.contains(name)
                && keywords.choices.is_empty() =>
        {
            Form::Keyed(name)
        }
        _ => Form::Plain,
    }
}

/// Finds the constant that all tagged alternatives have, with a different value in each.
fn common_tag<'a>(alternatives: &[Alternative<'a>]) -> Option<&'a str> {
    let mut tagged = alternatives.iter().filter_map(|it| match &it.form {
        Form::Tagged(tags) => Some(tags.clone()),
        _ => None,
    });
    let first = tagged.next()?;
    let common = tagged.fold(first, |common, tags| {
        common.intersection(&tags).copied().collect()
    });
    let distinct = |tag: &&str| {
        let names: Vec<_> = alternatives.iter().filter_map(|it| name_of(it, tag)).collect();
        names.iter().collect::<BTreeSet<_>>().len() == names.len()
    };
    common.iter().copied().find(distinct).or(common.first().copied())
}

fn name_of<'a>(alternative: &Alternative<'a>, tag: &str) -> Option<&'a str> {
    alternative
        .keywords
        .as_ref()?
        .fields
        .get(tag)?
        .get("const")?
        .as_str()
}

fn external_enum<'a>(reader: &mut Reader<'a>, alternatives: &[Alternative<'a>], choice: &Choice<'a>) -> Node {
    let (mut variants, mut ids) = (Vec::new(), Vec::new());
    for it in alternatives {
        let Some(keywords) = &it.keywords else { continue };
        match &it.form {
            Form::Names(names) => {
                let facts = &choice.facts;
                variants.extend(names.iter().map(|name| variant(name, facts)));
                ids.push(reader.push(Node::new(Kind::Enum(plain(names, facts)))));
            }
            Form::Keyed(name) => {
                let payload = reader.read(keywords.fields[name]);
                variants.push(Variant {
                    payload: Some(payload),
                    ..variant(name, &choice.facts)
                });
                let mut object = reader.object(keywords, None);
                let aliases = choice.facts.aliases.get(name).into_iter().flatten();
                for field in object.fields.values_mut() {
                    field
                        .aliases
                        .extend(aliases.clone().map(|alias| (*alias).to_owned()));
                }
                ids.push(reader.push(Node::new(Kind::Object(object))));
            }
            _ => {}
        }
    }
    enumeration(Tagging::External, variants, ids, choice)
}

fn tagged_enum<'a>(
    reader: &mut Reader<'a>,
    tag: &'a str,
    alternatives: &[Alternative<'a>],
    choice: &Choice<'a>,
) -> Node {
    let content = content(tag, alternatives, choice);
    let (mut variants, mut ids) = (Vec::new(), Vec::new());
    for it in alternatives {
        let (Some(keywords), Some(name)) = (&it.keywords, name_of(it, tag)) else {
            continue;
        };
        let payload = content
            .and_then(|content| keywords.fields.get(content))
            .map(|schema| reader.read(schema));
        let without_tag = reader.object(keywords, Some(tag));
        variants.push(Variant {
            payload,
            object: Some(reader.push(Node::new(Kind::Object(without_tag.clone())))),
            ..variant(name, &choice.facts)
        });
        let known = Facts {
            other: false,
            ..choice.facts.clone()
        };
        let name = reader.push(Node::new(Kind::Enum(plain(&[name], &known))));
        let mut with_tag = with_tag(without_tag, tag, name);
        if let (Some(content), None) = (content, payload) {
            with_tag
                .fields
                .insert(content.to_owned(), no_content(reader, choice));
        }
        ids.push(reader.push(Node::new(Kind::Object(with_tag))));
    }
    let tagging = match content {
        Some(content) => Tagging::Adjacent {
            tag: tag.to_owned(),
            content: content.to_owned(),
            sure: choice.facts.tagging == Some("adjacent"),
        },
        None => Tagging::Internal { tag: tag.to_owned() },
    };
    enumeration(tagging, variants, ids, choice)
}

fn enumeration(tagging: Tagging, variants: Vec<Variant>, alternatives: Vec<Id>, choice: &Choice<'_>) -> Node {
    Node::new(Kind::Enum(Enum {
        tagging,
        variants,
        other: choice.facts.other,
        alternatives,
    }))
}

fn with_tag(mut object: Object, tag: &str, name: Id) -> Object {
    object.fields.insert(
        tag.to_owned(),
        Field {
            shape: name,
            required: true,
            aliases: Vec::new(),
            default: None,
        },
    );
    object
}

/// Finds the only field that some alternatives have beside the tag.
fn content<'a>(tag: &str, alternatives: &[Alternative<'a>], choice: &Choice<'a>) -> Option<&'a str> {
    if choice.facts.tagging == Some("internal") {
        return None;
    }
    let mut content = None;
    for it in alternatives {
        let keywords = it.keywords.as_ref()?;
        if !keywords.choices.is_empty() || it.schema.get("$ref").is_some() || it.schema.get("allOf").is_some()
        {
            return None;
        }
        for name in keywords.fields.keys().copied().filter(|name| *name != tag) {
            if !keywords.required.contains(name) || content.is_some_and(|content| content != name) {
                return None;
            }
            content = Some(name);
        }
    }
    content
}

/// Reads the unknown variants of a flattened enum with `other`: any other text as the tag.
pub(crate) fn unknown<'a>(reader: &mut Reader<'a>, choice: &Choice<'a>) -> Option<Id> {
    let alternatives: Vec<_> = choice
        .alternatives
        .iter()
        .map(|schema| classify(reader, schema, choice))
        .collect();
    let tag = common_tag(&alternatives)?;
    let names: Vec<_> = alternatives.iter().filter_map(|it| name_of(it, tag)).collect();
    // A payload without values refuses the known names.
    let mut others = plain(&names, &choice.facts);
    let nothing = reader.push(Node::new(Kind::Nothing));
    for variant in &mut others.variants {
        variant.payload = Some(nothing);
    }
    others.other = true;
    let name = reader.push(Node::new(Kind::Enum(others)));
    let mut object = with_tag(Object::default(), tag, name);
    if let Some(content) = content(tag, &alternatives, choice) {
        object
            .fields
            .insert(content.to_owned(), no_content(reader, choice));
    }
    Some(reader.push(Node::new(Kind::Object(object))))
}

/// The content of a unit variant: at most null if the enum is adjacently tagged. But it may be internally tagged, with
/// one field in each other variant, and ignore unknown fields.
fn no_content(reader: &mut Reader<'_>, choice: &Choice<'_>) -> Field {
    let is_sure = choice.facts.tagging == Some("adjacent");
    let node = Node {
        nullable: true,
        ..Node::new(if is_sure {
            Kind::Nothing
        } else {
            Kind::Unclear(UNWRITTEN)
        })
    };
    Field {
        shape: reader.push(node),
        required: false,
        aliases: Vec::new(),
        default: None,
    }
}
