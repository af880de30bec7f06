//! The derive, the attribute and the two lists of [Tidings](https://docs.rs/tidings), which re-exports and documents
//! them: depend on `tidings`, not on this crate.

mod attribute;
mod check;
mod derive;
mod emit;
mod errors;
mod grammar;
mod lists;
mod model;

use proc_macro::TokenStream;

#[allow(missing_docs)] // Documented where users meet it: tidings::DomainEvent.
#[proc_macro_derive(DomainEvent, attributes(event))]
pub fn domain_event(item: TokenStream) -> TokenStream {
    derive::expand(item.into()).into()
}

#[allow(missing_docs)] // tidings::event_handler.
#[proc_macro_attribute]
pub fn event_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(args.into(), &item.into()).into()
}

#[allow(missing_docs)] // tidings::handlers.
#[proc_macro]
pub fn handlers(list: TokenStream) -> TokenStream {
    lists::expand_handlers(list.into()).into()
}

#[allow(missing_docs)] // tidings::events.
#[proc_macro]
pub fn events(list: TokenStream) -> TokenStream {
    lists::expand_events(list.into()).into()
}
