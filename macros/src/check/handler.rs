//! The rules of a handler.

use std::time::Duration;

use quote::ToTokens;
use syn::visit::Visit;
use syn::{FnArg, ReturnType, Type};

use crate::errors::Errors;
use crate::grammar::routing;
use crate::grammar::rungs::{RUNGS, duration_text};
use crate::model::handler::{Function, Handler};

/// RabbitMQ takes a delivery back after 30 minutes, so a timeout stays well below that.
const MAX_TIMEOUT: Duration = Duration::from_mins(15);

/// The rules of the function.
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
    // A function without `async` may return a future, so its return type is checked after `async` was added.
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

/// Rejects types without a name, since generated code repeats the type.
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

/// The rules of the patterns and options.
pub(crate) fn handler(handler: &Handler, errors: &mut Errors) {
    for (at, pattern) in handler.patterns.iter().enumerate() {
        if let Err(fault) = routing::check_pattern(&pattern.value) {
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
    if let Err(fault) = routing::check_name(&handler.name.value) {
        let hint = if handler.name_is_given {
            String::new()
        } else {
            "; a handler's name is its queue's, so give it one with name = \"…\"".to_owned()
        };
        errors.at(handler.name.span, format!("{fault}{hint}"));
    }
    if let Some(queue) = &handler.queue
        && let Err(fault) = routing::check_name(&queue.value)
    {
        errors.at(queue.span, fault);
    }
    if let Some((timeout, span)) = &handler.timeout {
        if timeout.is_zero() {
            errors.at(
                *span,
                "a timeout of zero leaves no time at all; write timeout = \"30s\"",
            );
        }
        if *timeout > MAX_TIMEOUT {
            errors.at(
                *span,
                format!(
                    "a timeout is at most {}, since the broker takes a delivery back after 30; split the work into \
                     smaller events",
                    duration_text(MAX_TIMEOUT)
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

fn check_rungs(rungs: &[Duration], span: proc_macro2::Span, errors: &mut Errors) {
    if rungs.is_empty() {
        errors.at(
            span,
            "no rungs; write rungs = \"1s, 5s, 15s\", or leave it out for the usual ones",
        );
    }
    if let Some(unknown) = rungs.iter().find(|rung| !RUNGS.contains(rung)) {
        let all: Vec<String> = RUNGS.iter().copied().map(duration_text).collect();
        errors.at(
            span,
            format!(
                "there is no rung of {}; the rungs are {}, shared by all handlers",
                duration_text(*unknown),
                all.join(", ")
            ),
        );
    } else if let Some(pair) = rungs.windows(2).find(|pair| pair[1] < pair[0]) {
        let mut sorted = rungs.to_vec();
        sorted.sort();
        let sorted: Vec<String> = sorted.into_iter().map(duration_text).collect();
        errors.at(
            span,
            format!(
                "rungs rise, and {} comes after {}; write rungs = \"{}\"",
                duration_text(pair[1]),
                duration_text(pair[0]),
                sorted.join(", ")
            ),
        );
    }
}
