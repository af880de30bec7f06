//! `#[event_handler(..)]`: read, check, write.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;

use crate::check;
use crate::emit;
use crate::errors::Errors;
use crate::model::handler::{Function, Handler};

pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            if is_function(item) {
                errors.add(error);
            } else {
                let message = "an event handler is a function; write #[event_handler] over an `async fn`";
                errors.at(keyword_span(item), message);
            }
            let errors = errors.into_tokens();
            return quote!(#errors #item);
        }
    };
    let handler = Handler::from_syn(args, &function, &mut errors);
    check::handler::function(&function, &mut errors);
    check::handler::handler(&handler, &mut errors);
    let registration = if errors.is_empty() {
        emit::handler::handler(&handler, &function)
    } else {
        let errors = errors.into_tokens();
        let stub = emit::stub::handler(&function, &handler.root);
        quote!(#errors #stub)
    };
    quote!(#item #registration)
}

/// The keyword of an item that is no function, such as `struct`.
fn keyword_span(item: &TokenStream) -> Span {
    item.clone()
        .into_iter()
        .find(|token| matches!(token, TokenTree::Ident(word) if word != "pub"))
        .map_or_else(Span::call_site, |word| word.span())
}

/// Whether the item is meant as a function, even if it has syntax errors.
fn is_function(item: &TokenStream) -> bool {
    item.clone()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"))
}
