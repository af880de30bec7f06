//! The rules: what a model that could be read has to be before it is emitted.

use std::time::Duration;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::visit::Visit;
use syn::{Attribute, Data, DeriveInput, FnArg, Meta, ReturnType, Type};

use crate::duration;
use crate::errors::Errors;
use crate::event::{Event, FieldPath};
use crate::handler::{Function, Handler};
use crate::nearest::did_you_mean;
use crate::routing::words;

/// The rungs there are; the runtime's `RUNGS` is the same list.
pub(crate) const RUNGS: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
];

/// The longest a handler may take: the broker takes a delivery back after 30 minutes.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(15);

/// An event is one type on the wire, so its Rust type is one too.
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

/// The field that holds the aggregate's id when no option names it: `order_id` of `order.created`, or `id`.
pub(crate) fn default_aggregate_id(
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

/// The rules of an event.
pub(crate) fn event(event: &Event, fields: &[&Ident], errors: &mut Errors) {
    let fields: Vec<String> = fields.iter().map(|field| field.unraw().to_string()).collect();
    let mut known = |field: &str, span| {
        if fields.iter().all(|known| known != field) {
            let hint = did_you_mean(field, fields.iter().map(String::as_str));
            let hint = if hint.is_empty() {
                format!("; `{}` has {}", event.name, list(&fields))
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

/// A family has no name and no key of its own.
pub(crate) fn family_options(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        let Meta::List(list) = &attr.meta else { continue };
        let result = list.parse_args_with(|input: syn::parse::ParseStream<'_>| {
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
                crate::attr::skip_to_comma(input);
                let _ = input.parse::<syn::Token![,]>();
            }
            Ok(())
        });
        // What cannot be read at all was reported when the options were read.
        let _ = result;
    }
}

/// The rules of a handler's function: whether the runtime can call it at all.
pub(crate) fn function(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    let name = &sig.ident;
    if sig.asyncness.is_none() {
        errors.on(
            sig.fn_token,
            format!("an event handler is async; write async fn {name}"),
        );
    }
    if !sig.generics.params.is_empty() {
        errors.on(
            &sig.generics,
            "an event handler cannot be generic: its parameters say which event it takes; write a concrete type",
        );
    } else if let Some(clause) = &sig.generics.where_clause {
        errors.on(
            clause,
            "an event handler has no `where`, since it is not generic; drop it",
        );
    }
    if let syn::Safety::Unsafe(token) = &sig.safety {
        errors.on(
            token,
            "an event handler cannot be unsafe, since it is the runtime that calls it; drop the `unsafe`",
        );
    }
    if let Some(abi) = &sig.abi {
        errors.on(
            abi,
            "an event handler is a plain Rust function; drop the `extern`",
        );
    }
    parameters(function, errors);
    // What a function that is not async returns may be a future, and is right once it is async.
    if let ReturnType::Type(_, output) = &sig.output
        && sig.asyncness.is_some()
    {
        type_can_be_named("an event handler cannot return", output, errors);
        if matches!(output.as_ref(), Type::Never(_)) {
            errors.on(
                output,
                "an event handler returns: its delivery is acknowledged by that; write () or leave it out",
            );
        }
    }
}

fn parameters(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    let Some(first) = sig.inputs.first() else {
        errors.on(
            &sig.ident,
            format!(
                "an event handler takes its event first; write {}(order: OrderCreated), with your event",
                sig.ident
            ),
        );
        return;
    };
    if let FnArg::Receiver(receiver) = first {
        errors.on(
            receiver,
            "an event handler is a free function, without `self`; what it needs it takes as State<T>",
        );
        return;
    }
    for (at, input) in sig.inputs.iter().enumerate() {
        let FnArg::Typed(input) = input else { continue };
        if let Type::Reference(reference) = input.ty.as_ref() {
            let inner = type_text(&reference.elem);
            let advice = if at == 0 {
                format!("an event handler owns its event; write {inner}, not &{inner}")
            } else {
                format!("an event handler owns its parameters; write {inner}, not &{inner}")
            };
            errors.on(&input.ty, advice);
        } else {
            type_can_be_named("an event handler cannot take", &input.ty, errors);
        }
    }
}

// Generated code has to write the type down again.
fn type_can_be_named(cannot: &str, ty: &Type, errors: &mut Errors) {
    struct Unnameable<'a>(&'a str, &'a mut Errors);
    impl<'ast> Visit<'ast> for Unnameable<'_> {
        fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
            let Self(cannot, errors) = self;
            let advice = if type_text(ty).contains("Future<Output=") {
                "an async function gives a future of its own, so write what it yields"
            } else {
                "write the type itself"
            };
            errors.on(ty, format!("{cannot} `impl Trait`; {advice}"));
        }

        fn visit_type_infer(&mut self, _: &'ast syn::TypeInfer) {
            self.1.leave_to_rustc();
        }

        fn visit_path(&mut self, path: &'ast syn::Path) {
            if path.segments.first().is_some_and(|first| first.ident == "Self") {
                self.1.on(
                    path,
                    "an event handler is a free function; move it out of the `impl`, and write the type for `Self`",
                );
            }
            syn::visit::visit_path(self, path);
        }
    }
    Unnameable(cannot, errors).visit_type(ty);
}

fn type_text(ty: &impl ToTokens) -> String {
    ty.to_token_stream().to_string().replace(' ', "")
}

/// The rules of a handler's options, each of which could be read by itself.
pub(crate) fn handler(handler: &Handler, errors: &mut Errors) {
    for (at, pattern) in handler.patterns.iter().enumerate() {
        if let Err(fault) = crate::routing::check_pattern(&pattern.value) {
            errors.at(pattern.span, fault);
        } else if handler.patterns[..at]
            .iter()
            .any(|before| before.value == pattern.value)
        {
            errors.at(
                pattern.span,
                format!("duplicate pattern \"{}\"; remove one of the two", pattern.value),
            );
        }
    }
    if let Err(fault) = crate::routing::check_name(&handler.name.value) {
        let hint = if handler.name_is_given {
            String::new()
        } else {
            "; a handler's name is its queue's, so give it one with name = \"…\"".to_owned()
        };
        errors.at(handler.name.span, format!("{fault}{hint}"));
    }
    if let Some(queue) = &handler.queue
        && let Err(fault) = crate::routing::check_name(&queue.value)
    {
        errors.at(queue.span, fault);
    }
    if let Some((timeout, span)) = &handler.timeout {
        positive("timeout", *timeout, *span, errors);
        if *timeout > LONGEST_TIMEOUT {
            errors.at(
                *span,
                format!(
                    "a timeout is at most {}, since the broker takes a delivery back after 30; split the work into \
                     smaller events",
                    duration::show(LONGEST_TIMEOUT)
                ),
            );
        }
    }
    if let Some((rungs, span)) = &handler.rungs {
        check_rungs(rungs, *span, errors);
    }
    if let Some(ephemeral) = &handler.ephemeral {
        for (option, why) in [
            (
                &handler.single_active,
                "each instance has its own queue, and is alone on it",
            ),
            (
                &handler.retry,
                "its retries wait in place, in the queue that ends with the instance",
            ),
            (
                &handler.queue_option,
                "the broker names its queue, and it is shared with nobody",
            ),
            (&handler.on_dead_letter, "it has no dead letters"),
        ] {
            if let Some(option) = option {
                errors.on(
                    option,
                    format!(
                        "`{option}` means nothing for an `{ephemeral}` handler: {why}; drop one of the two"
                    ),
                );
            }
        }
    }
}

fn positive(what: &str, duration: Duration, span: proc_macro2::Span, errors: &mut Errors) {
    if duration.is_zero() {
        errors.at(
            span,
            format!("a {what} of zero leaves no time at all; write {what} = \"30s\""),
        );
    }
}

fn check_rungs(rungs: &[Duration], span: proc_macro2::Span, errors: &mut Errors) {
    if rungs.is_empty() {
        errors.at(
            span,
            "no rungs; write rungs = \"1s, 5s, 15s\", or leave it out for the usual ones",
        );
    }
    if let Some(strange) = rungs.iter().find(|rung| !RUNGS.contains(rung)) {
        let all: Vec<String> = RUNGS.iter().copied().map(duration::show).collect();
        errors.at(
            span,
            format!(
                "there is no rung of {}; the rungs are {}, shared by all handlers",
                duration::show(*strange),
                all.join(", ")
            ),
        );
    } else if let Some(pair) = rungs.windows(2).find(|pair| pair[1] < pair[0]) {
        let mut sorted = rungs.to_vec();
        sorted.sort();
        let sorted: Vec<String> = sorted.into_iter().map(duration::show).collect();
        errors.at(
            span,
            format!(
                "rungs rise, and {} comes after {}; write rungs = \"{}\"",
                duration::show(pair[1]),
                duration::show(pair[0]),
                sorted.join(", ")
            ),
        );
    }
}
