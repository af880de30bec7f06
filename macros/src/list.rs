//! The two lists as they are read: paths with commas between them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser as _};
use syn::{Path, Token};

use crate::errors::Errors;
use crate::root::Root;
use crate::{attr, emit_list};

/// The entries of a list, and where the runtime is.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) root: Root,
    pub(crate) paths: Vec<Path>,
}

/// `handlers![take_payment, orders::refund]`.
pub(crate) fn expand_handlers(list: TokenStream) -> TokenStream {
    expand(
        "handlers![take_payment, orders::refund]",
        list,
        emit_list::handlers,
    )
}

/// `events![OrderCreated, orders::OrderCancelled]`.
pub(crate) fn expand_events(list: TokenStream) -> TokenStream {
    expand(
        "events![OrderCreated, orders::OrderCancelled]",
        list,
        emit_list::events,
    )
}

// On a mistake an empty list stands in, which every app can take.
fn expand(example: &str, list: TokenStream, emit: fn(&List) -> TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut read = List::default();
    let parse = |input: ParseStream<'_>| {
        read.read(example, input, &mut errors);
        Ok(())
    };
    if let Err(error) = parse.parse2(list) {
        errors.add(error);
    }
    if errors.is_empty() {
        return emit(&read);
    }
    let mistakes = errors.into_tokens();
    let stub = emit(&List {
        root: read.root,
        paths: Vec::new(),
    });
    quote!({ #mistakes #stub })
}

impl List {
    fn read(&mut self, example: &str, input: ParseStream<'_>, errors: &mut Errors) {
        if input.peek(Token![crate])
            && input.peek2(Token![=])
            && let Err(error) = self.read_root(input)
        {
            errors.add(error);
        }
        while !input.is_empty() {
            let start = input.span();
            match input.parse::<Path>() {
                Ok(path) => self.add(path, errors),
                Err(_) => errors.at(start, format!("expected a path; write {example}")),
            }
            if !input.is_empty() && !input.peek(Token![,]) {
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
            let _ = input.parse::<Token![,]>();
        }
    }

    // handlers![crate = path; take_payment]
    fn read_root(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        self.root = Root(Some(input.parse()?));
        input.parse::<Token![;]>()?;
        Ok(())
    }

    fn add(&mut self, path: Path, errors: &mut Errors) {
        if let Some(segment) = path.segments.iter().find(|segment| !segment.arguments.is_none()) {
            errors.on(
                &segment.arguments,
                "an entry is a name without arguments: handlers and events are not generic",
            );
        }
        self.paths.push(path);
    }
}
