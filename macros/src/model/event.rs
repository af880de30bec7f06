//! The model of an event.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Expr, Fields, Path};

use super::event_options::EventOptions;
use super::field_path::FieldPath;
use super::options::{self, Text};
use super::root::Root;
use crate::errors::Errors;
use crate::grammar::routing::{self, Template, words};

/// A struct under the derive.
#[allow(clippy::struct_field_names)] // `type` is a keyword.
pub(crate) struct Event {
    pub(crate) name: Ident,
    pub(crate) root: Root,
    pub(crate) event_type: Text,
    pub(crate) version: u32,
    pub(crate) aggregate_id: FieldPath,
    pub(crate) routing_key: Key,
    pub(crate) older: Option<Path>,
    pub(crate) example: Option<Expr>,
    pub(crate) description: Option<String>,
    pub(crate) deprecated: Option<String>,
    /// The names of its fields, for the checks.
    pub(crate) fields: Vec<String>,
}

/// The routing key, as text and parsed.
pub(crate) struct Key {
    pub(crate) text: Text,
    pub(crate) template: Template,
}

impl Event {
    pub(super) fn from_syn(item: &DeriveInput, fields: &Fields, errors: &mut Errors) -> Option<Self> {
        let given = EventOptions::from_syn(&item.attrs, errors);
        let fields = match fields {
            Fields::Named(fields) => fields
                .named
                .iter()
                .filter_map(|field| field.ident.as_ref())
                .collect(),
            Fields::Unnamed(_) => {
                errors.on(
                    &item.ident,
                    format!(
                        "an event has named fields, since they are its JSON; write struct {} {{ id: …, .. }}",
                        item.ident
                    ),
                );
                return None;
            }
            Fields::Unit => Vec::new(),
        };
        if let Some(extra) = given.family_options.first() {
            errors.on(
                extra,
                "`other` marks a variant of a family, an enum; a struct has none",
            );
        }
        let has_no_errors = errors.is_empty();
        let event_type = given.event_type.or_else(|| infer_type(&item.ident, errors))?;
        if let Err(fault) = routing::check_type(&event_type.value) {
            errors.at(event_type.span, fault);
        }
        let key_text = given.routing_key.clone().unwrap_or_else(|| event_type.clone());
        let template = match Template::parse(&key_text.value) {
            Ok(template) => Some(template),
            // Without the option the key is the type, whose error is reported already.
            Err(_) if given.routing_key.is_none() => None,
            Err(fault) => {
                errors.at(key_text.span, fault);
                None
            }
        };
        let aggregate_id = match given.aggregate_id {
            Some(path) => Some(path),
            None if !has_no_errors => None,
            None => infer_aggregate_id(item, &event_type.value, &fields, errors),
        };
        Some(Self {
            name: item.ident.clone(),
            root: given.root,
            event_type,
            version: given.version.unwrap_or(1),
            aggregate_id: aggregate_id?,
            routing_key: Key {
                text: key_text,
                template: template?,
            },
            older: given.older,
            example: given.example,
            description: options::description(&item.attrs),
            deprecated: options::deprecated(&item.attrs),
            fields: fields.iter().map(|field| field.unraw().to_string()).collect(),
        })
    }
}

/// Without the option, the aggregate id is the field `<first word of the type>_id` or `id`.
fn infer_aggregate_id(
    item: &DeriveInput,
    event_type: &str,
    fields: &[&Ident],
    errors: &mut Errors,
) -> Option<FieldPath> {
    let of_type = event_type.split('.').next().unwrap_or_default().replace('-', "_");
    let of_name = words(&item.ident.unraw().to_string())
        .into_iter()
        .next()
        .unwrap_or_default();
    let candidates = [format!("{of_type}_id"), format!("{of_name}_id"), "id".to_owned()];
    let found = candidates
        .iter()
        .find_map(|name| fields.iter().find(|field| field.unraw() == name.as_str()));
    if let Some(field) = found {
        return Some(FieldPath(vec![syn::Member::Named((*field).clone())]));
    }
    let first = &candidates[0];
    let ending_in_id = fields
        .iter()
        .find(|field| field.unraw().to_string().ends_with("id"));
    let advice = match (ending_in_id, fields.first()) {
        (Some(field), _) => format!("write #[event(aggregate_id = {field})] if that is the one"),
        (None, Some(_)) => format!("name the field with #[event(aggregate_id = …)], or add `{first}`"),
        (None, None) => format!("add the field `{first}`"),
    };
    errors.on(
        &item.ident,
        format!(
            "no field says what `{}` is about: there is no `{first}` and no `id`; {advice}",
            item.ident
        ),
    );
    None
}

/// Without the option, the type is the two words of the name. If a name has more words, only its author knows where the
/// noun ends.
fn infer_type(name: &Ident, errors: &mut Errors) -> Option<Text> {
    let words = words(&name.unraw().to_string());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_version = |word: &str| {
        word.strip_prefix('v')
            .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    };
    let message = match words.as_slice() {
        [noun, verb] if !is_version(verb) => {
            return Some(Text {
                value: format!("{noun}.{verb}"),
                span: name.span(),
            });
        }
        [before @ .., version] if before.len() == 2 && is_version(version) => format!(
            "missing type; write #[event(type = \"{}\", version = {})]",
            before.join("."),
            &version[1..]
        ),
        [first, middle, last] => format!(
            "missing type; write #[event(type = \"{first}.{middle}.{last}\")] or #[event(type = \"{first}.{middle}_{last}\")]"
        ),
        [first, middle @ .., last] if !middle.is_empty() => {
            let middle = middle.join("_");
            format!(
                "missing type; write #[event(type = \"{first}.{middle}.{last}\")] or #[event(type = \"{first}_{middle}.{last}\")]"
            )
        }
        _ => format!(
            "missing type; write #[event(type = \"…\")] with the thing and what happened to it, \"order.created\", since \
             `{name}` alone does not say both"
        ),
    };
    errors.on(name, message);
    None
}
