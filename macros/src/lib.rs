//! The derive, the attribute and the two lists of [Tidings](https://docs.rs/tidings), which re-exports and documents
//! them: depend on `tidings`, not on this crate.

mod attr;
mod check;
mod duration;
mod emit_event;
mod emit_handler;
mod emit_list;
mod errors;
mod event;
mod fallback;
mod handler;
mod list;
mod nearest;
mod root;
mod routing;

use proc_macro::TokenStream;

#[allow(missing_docs)] // Documented where users meet it: tidings::DomainEvent.
#[proc_macro_derive(DomainEvent, attributes(event))]
pub fn domain_event(item: TokenStream) -> TokenStream {
    event::expand(item.into()).into()
}

#[allow(missing_docs)] // tidings::event_handler.
#[proc_macro_attribute]
pub fn event_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(args.into(), &item.into()).into()
}

#[allow(missing_docs)] // tidings::handlers.
#[proc_macro]
pub fn handlers(list: TokenStream) -> TokenStream {
    list::expand_handlers(list.into()).into()
}

#[allow(missing_docs)] // tidings::events.
#[proc_macro]
pub fn events(list: TokenStream) -> TokenStream {
    list::expand_events(list.into()).into()
}
