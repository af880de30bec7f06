//! The registration of a handler: a hidden struct with the name of the function, and its impls.

use std::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned as _;

use super::tokens::{literal, rust_path};
use crate::model::handler::{Function, Handler};
use crate::model::options::cfgs;

pub(crate) fn handler(handler: &Handler, function: &Function) -> TokenStream {
    let name = &function.sig.ident;
    let vis = &function.vis;
    let span = name.span();
    let cfgs = cfgs(&function.attrs);
    let registered = registered(handler, function);
    let handle = handle(handler, function);
    let proofs = proofs(handler, function);
    let proofs = proofs.iter().map(|proof| {
        quote! {
            #(#cfgs)*
            #proof
        }
    });
    // The name resolves like the user's name, but its span belongs to the macro. rustc does not lint the names of
    // foreign macros, so an unused handler gives one warning, about the function.
    let mut marker = name.clone();
    marker.set_span(Span::call_site().located_at(span));
    quote_spanned! {span=>
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, unreachable_pub, missing_debug_implementations, missing_copy_implementations)]
        #vis struct #marker {}
        #(#cfgs)*
        #registered
        #(#cfgs)*
        #handle
        #(#proofs)*
    }
}

fn registered(handler: &Handler, function: &Function) -> TokenStream {
    let name = &function.sig.ident;
    let span = name.span();
    let (tidings, private) = (handler.root.at(span), handler.root.private(span));
    let wire_name = literal(&handler.name.value, span);
    let path = rust_path(name);
    let patterns = handler
        .patterns
        .iter()
        .map(|pattern| literal(&pattern.value, span));
    let takes = function.inputs().next().map(|input| {
        let takes = as_input(handler, input);
        quote_spanned!(input.span()=> #takes::TAKES)
    });
    let output = as_output(handler, function);
    let options = options(handler, span);
    quote_spanned! {span=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #private::Registered for #name {
            const HANDLER: #tidings::HandlerDescriptor =
                #tidings::HandlerDescriptor::new(#wire_name, #path, &[#(#patterns),*], #takes, #output::RETURNS)
                #options;
        }
    }
}

// `as_input` and `as_output` return the same tokens and span for each use, so that rustc merges equal errors.
fn as_input(handler: &Handler, input: &Type) -> TokenStream {
    let span = input.span();
    let private = handler.root.private(span);
    quote_spanned!(span=> <#input as #private::HandlerInput>)
}

fn as_output(handler: &Handler, function: &Function) -> TokenStream {
    let (span, output) = match function.output() {
        Some(output) => (output.span(), quote!(#output)),
        None => (
            function.sig.ident.span(),
            quote_spanned!(function.sig.ident.span()=> ()),
        ),
    };
    let private = handler.root.private(span);
    quote_spanned!(span=> <#output as #private::IntoOutcome>)
}

/// A setter for each option that was given.
fn options(handler: &Handler, span: Span) -> TokenStream {
    let mut options = TokenStream::new();
    let mut set = |name: &str, value: TokenStream| {
        let setter = Ident::new(&format!("with_{name}"), span);
        options.extend(quote_spanned!(span=> .#setter(#value)));
    };
    if let Some(description) = &handler.description {
        let description = literal(description, span);
        set("description", quote!(#description));
    }
    if let Some(queue) = &handler.queue {
        let queue = literal(&queue.value, span);
        set("queue", quote!(#queue));
    }
    for (name, number) in [
        ("concurrency", handler.concurrency),
        ("prefetch", handler.prefetch),
        ("breaker", handler.breaker),
        ("attempts", handler.attempts),
    ] {
        if let Some(number) = number {
            let number = Literal::u32_unsuffixed(number);
            set(name, quote!(#number));
        }
    }
    if let Some((rungs, _)) = &handler.rungs {
        let rungs = rungs.iter().map(|rung| duration(*rung, span));
        // A temporary would not live as long as the descriptor.
        set(
            "rungs",
            quote_spanned! {span=>
                {
                    const __RUNGS: &[::core::time::Duration] = &[#(#rungs),*];
                    __RUNGS
                }
            },
        );
    }
    if let Some((timeout, _)) = handler.timeout {
        set("timeout", duration(timeout, span));
    }
    for (name, given) in [
        ("order", handler.ordered),
        ("pause_on_dead_letter", handler.on_dead_letter.is_some()),
        ("single_active", handler.single_active.is_some()),
        ("ephemeral", handler.ephemeral.is_some()),
    ] {
        if given {
            set(name, TokenStream::new());
        }
    }
    options
}

fn duration(duration: Duration, span: Span) -> TokenStream {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let millis = Literal::u64_unsuffixed(millis);
    quote_spanned!(span=> ::core::time::Duration::from_millis(#millis))
}

/// The body has the span of the function's name, so that a future that is not `Send` gives one error there.
fn handle(handler: &Handler, function: &Function) -> TokenStream {
    let name = &function.sig.ident;
    let span = name.span();
    let (tidings, private) = (handler.root.at(span), handler.root.private(span));
    let state = Ident::new("__S", span);
    let mut inputs = function.inputs();
    let decoded = inputs.next().map(|input| {
        let input = as_input(handler, input);
        quote_spanned!(span=> #input::decode(&__delivery)?)
    });
    let extractors: Vec<&Type> = inputs.collect();
    let names: Vec<Ident> = (1..=extractors.len())
        .map(|at| Ident::new(&format!("__p{at}"), span))
        .collect();
    let bounds = extractors.iter().map(|ty| {
        let at = ty.span();
        let private = handler.root.at(at);
        quote_spanned!(at=> #ty: #private::FromDelivery<#state>,)
    });
    let extracts = extractors.iter().zip(&names).map(|(ty, name)| {
        let at = ty.span();
        let private = handler.root.private(at);
        quote_spanned!(span=> let #name = #private::extract::<#ty, #state>(&__delivery, &__state).await?;)
    });
    let rejects = handler.rejects.iter().map(|path| {
        let at = path.span();
        let private = handler.root.private(at);
        quote_spanned!(at=> <#path as #private::RejectedError>::is)
    });
    let output = as_output(handler, function);
    quote_spanned! {span=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl<#state> #private::Handle<#state> for #name
        where
            #state: ::core::marker::Send + ::core::marker::Sync + 'static,
            #(#bounds)*
        {
            fn handle(__delivery: #tidings::Delivery, __state: ::std::sync::Arc<#state>) -> #private::HandlerFuture {
                ::std::boxed::Box::pin(async move {
                    #[allow(unused_imports)]
                    use #private::{OfAnything as _, OfErased as _, OfError as _, OfHandlerError as _, OfPointer as _};
                    let __event = #decoded;
                    #(#extracts)*
                    let __returned = #name(__event, #(#names),*).await;
                    let __verdict = (&&&&&#private::Classify(&__returned)).verdict(&[#(#rejects),*]);
                    #output::finish(__returned, __verdict)
                })
            }
        }
    }
}

/// Each proof is a constant of its own, with the span of the token that it is about.
fn proofs(handler: &Handler, function: &Function) -> Vec<TokenStream> {
    let Some(input) = function.inputs().next() else {
        return Vec::new();
    };
    let takes = as_input(handler, input);
    let proof = |span: Span, call: TokenStream| {
        let private = handler.root.private(span);
        quote_spanned! {span=>
            #[allow(deprecated)]
            const _: () = #private::proofs::#call;
        }
    };
    let Some(last) = handler.patterns.last() else {
        let span = input.span();
        return vec![proof(span, quote_spanned!(span=> patterns_follow(#takes::TAKES)))];
    };
    let mut proofs: Vec<TokenStream> = handler
        .patterns
        .iter()
        .map(|pattern| {
            let text = literal(&pattern.value, pattern.span);
            proof(
                pattern.span,
                quote_spanned!(pattern.span=> pattern_meets(#takes::TAKES, #text)),
            )
        })
        .collect();
    let span = last.span;
    let patterns = handler
        .patterns
        .iter()
        .map(|pattern| literal(&pattern.value, span));
    proofs.push(proof(
        span,
        quote_spanned!(span=> patterns_cover(#takes::TAKES, &[#(#patterns),*])),
    ));
    proofs
}
