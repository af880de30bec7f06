//! The rules of an event.

use syn::{Data, DeriveInput};

use crate::errors::Errors;
use crate::grammar::nearest::did_you_mean;
use crate::model::event::Event;

/// An event has one shape on the wire, so its Rust type is not generic.
pub(crate) fn no_generics(item: &DeriveInput, errors: &mut Errors) {
    let generics = &item.generics;
    if generics.params.is_empty() {
        return;
    }
    let what = if matches!(item.data, Data::Enum(_)) {
        "a family cannot be generic: its variants name the events it can be; write their types"
    } else if generics.lifetimes().next().is_some() {
        "an event owns its data, since it outlives the message it came in; drop the lifetime, and write String for &str"
    } else {
        "an event cannot be generic: its type names one shape on the wire; write a struct for each"
    };
    errors.on(generics, what);
}

pub(crate) fn event(event: &Event, errors: &mut Errors) {
    let fields = &event.fields;
    let mut known = |field: &str, span| {
        if fields.iter().all(|known| known != field) {
            let hint = did_you_mean(field, fields.iter().map(String::as_str));
            let hint = if hint.is_empty() {
                format!("; `{}` has {}", event.name, list(fields))
            } else {
                hint
            };
            errors.at(span, format!("no field `{field}`{hint}"));
        }
    };
    known(&event.aggregate_id.head(), event.aggregate_id.span());
    for field in event.routing_key.template.fields() {
        known(
            field.split('.').next().unwrap_or_default(),
            event.routing_key.text.span,
        );
    }
    if let Some(older) = &event.older
        && older.is_ident(&event.name)
    {
        errors.on(
            older,
            format!(
                "`{}` cannot be upcast from itself; name the struct of its older version",
                event.name
            ),
        );
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no fields".to_owned();
    }
    format!("`{}`", names.join("`, `"))
}
