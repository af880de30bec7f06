//! `handlers![..]` and `events![..]`: read, write. The macros check only the syntax of a list.

use proc_macro2::TokenStream;
use quote::quote;

use crate::emit;
use crate::errors::Errors;
use crate::model::list::List;

pub(crate) fn expand_handlers(list: TokenStream) -> TokenStream {
    expand(
        "handlers![take_payment, orders::refund]",
        list,
        emit::list::handlers,
    )
}

pub(crate) fn expand_events(list: TokenStream) -> TokenStream {
    expand(
        "events![OrderCreated, orders::OrderCancelled]",
        list,
        emit::list::events,
    )
}

/// A list with errors becomes an empty list, which every app accepts.
fn expand(example: &str, tokens: TokenStream, emit: fn(&List) -> TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let list = List::from_syn(example, tokens, &mut errors);
    if errors.is_empty() {
        return emit(&list);
    }
    let errors = errors.into_tokens();
    let stub = emit(&List {
        root: list.root,
        paths: Vec::new(),
    });
    quote!({ #errors #stub })
}
