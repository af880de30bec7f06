//! The two lists as they are read: paths with commas between them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;
use syn::parse::{ParseStream, Parser as _};

use crate::errors::Errors;
use crate::{attr, emit_list};

/// `handlers![take_payment, orders::refund]`.
pub(crate) fn expand_handlers(list: TokenStream) -> TokenStream {
    match read("handlers![take_payment, orders::refund]", list) {
        Ok(paths) => emit_list::handlers(&paths),
        Err(errors) => failed(errors, &emit_list::handlers(&[])),
    }
}

/// `events![OrderCreated, orders::OrderCancelled]`.
pub(crate) fn expand_events(list: TokenStream) -> TokenStream {
    match read("events![OrderCreated, orders::OrderCancelled]", list) {
        Ok(paths) => emit_list::events(&paths),
        Err(errors) => failed(errors, &emit_list::events(&[])),
    }
}

fn failed(errors: Errors, stub: &TokenStream) -> TokenStream {
    let mistakes = errors.into_tokens();
    quote!({ #mistakes #stub })
}

fn read(example: &str, list: TokenStream) -> Result<Vec<Path>, Errors> {
    let mut errors = Errors::default();
    let mut paths: Vec<Path> = Vec::new();
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let start = input.span();
            match input.parse::<Path>() {
                Ok(path) => paths.push(path),
                Err(_) => errors.at(start, format!("expected a path; write {example}")),
            }
            if !input.is_empty() && !input.peek(syn::Token![,]) {
                if input.peek(syn::token::Paren) && errors.is_empty() {
                    errors.at(
                        input.span(),
                        "an entry is a name and not a call; drop the parentheses",
                    );
                } else if errors.is_empty() {
                    errors.at(input.span(), format!("expected `,`; write {example}"));
                }
                attr::skip_to_comma(input);
            }
            let _ = input.parse::<syn::Token![,]>();
        }
        Ok(())
    };
    if let Err(error) = read.parse2(list) {
        errors.add(error);
    }
    for path in &paths {
        let with_arguments = path.segments.iter().find(|segment| !segment.arguments.is_none());
        if let Some(segment) = with_arguments {
            errors.on(
                &segment.arguments,
                "an entry is a name without arguments: handlers and events are not generic",
            );
        }
    }
    if errors.is_empty() { Ok(paths) } else { Err(errors) }
}
