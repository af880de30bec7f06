//! The model of a family of events.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Attribute, DeriveInput, Fields, Meta, Type};

use super::event_options::EventOptions;
use super::options::{self, Options};
use super::root::Root;
use crate::errors::Errors;

/// An enum under the derive.
pub(crate) struct Family {
    pub(crate) name: Ident,
    pub(crate) root: Root,
    pub(crate) variants: Vec<Variant>,
    pub(crate) other: Option<Variant>,
}

/// A variant, and the event that it wraps.
pub(crate) struct Variant {
    pub(crate) name: Ident,
    pub(crate) payload: Type,
}

impl Family {
    pub(super) fn from_syn(item: &DeriveInput, data: &syn::DataEnum, errors: &mut Errors) -> Self {
        let options = EventOptions::from_syn(&item.attrs, errors);
        reject_event_options(&item.attrs, errors);
        let mut family = Self {
            name: item.ident.clone(),
            root: options.root,
            variants: Vec::new(),
            other: None,
        };
        for variant in &data.variants {
            let is_other = read_other(&variant.attrs, errors);
            let payload = match &variant.fields {
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed[0].ty.clone(),
                _ => {
                    let example = if is_other {
                        "Other(AnyEvent)"
                    } else {
                        "Created(OrderCreated)"
                    };
                    errors.on(
                        &variant.ident,
                        format!("a variant of a family wraps one event, as in {example}"),
                    );
                    continue;
                }
            };
            let variant = Variant {
                name: variant.ident.clone(),
                payload,
            };
            match (is_other, &family.other) {
                (false, _) => family.variants.push(variant),
                (true, None) => family.other = Some(variant),
                (true, Some(first)) => errors.on(
                    &variant.name,
                    format!(
                        "two variants take every other event, `{}` and `{}`; mark one with #[event(other)]",
                        first.name, variant.name
                    ),
                ),
            }
        }
        if data.variants.is_empty() {
            errors.on(
                &item.ident,
                "a family without variants has no events; give it one, such as Created(OrderCreated)",
            );
        }
        family
    }
}

/// Rejects the options that only an event has.
fn reject_event_options(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        let Meta::List(list) = &attr.meta else { continue };
        // `EventOptions` has reported syntax errors.
        let _ = list.parse_args_with(|input: ParseStream<'_>| {
            while !input.is_empty() {
                let name = input.call(Ident::parse_any)?;
                let text = name.unraw().to_string();
                if matches!(
                    text.as_str(),
                    "type" | "version" | "aggregate_id" | "routing_key" | "upcast_from" | "example"
                ) {
                    errors.on(
                        &name,
                        format!("a family takes no `{text}`: it is the events in its variants that have one"),
                    );
                }
                options::skip_to_comma(input);
                let _ = input.parse::<syn::Token![,]>();
            }
            Ok(())
        });
    }
}

// #[event(other)]
fn read_other(attrs: &[Attribute], errors: &mut Errors) -> bool {
    let mut is_other = false;
    let mut variant_options = Options::new("a variant's #[event(..)]", &["other"]);
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        let Meta::List(list) = &attr.meta else {
            errors.on(
                attr,
                "`event` takes its options in parentheses; write #[event(other)]",
            );
            continue;
        };
        let result = list.parse_args_with(|input: ParseStream<'_>| {
            variant_options.read(input, errors, |name, input, _| {
                is_other = true;
                options::flag(name, input)
            });
            Ok(())
        });
        let _ = errors.keep(result);
    }
    is_other
}
