//! The two lists as expressions.
//!
//! Each entry has the span of the user's token, and is part of a tuple or of a struct expression with named fields.
//! rustc finds the entry that causes an error in those, but not in blocks and calls.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::Path;

use crate::model::list::List;
use crate::model::root::Root;

/// The largest tuple for which the runtime implements `HandlerList`.
const WIDTH: usize = 16;

/// `Handlers { proofs: { const … }, list: (take_payment {}, refund {}) }`.
pub(crate) fn handlers(list: &List) -> TokenStream {
    let List { root, paths } = list;
    let span = Span::call_site();
    let (tidings, private) = (root.at(span), root.private(span));
    // Each entry is a value, so that rustc merges its two errors about a function that is no handler.
    let entries: Vec<TokenStream> = paths
        .iter()
        .map(|path| quote_spanned!(at(path)=> #path {}))
        .collect();
    let count = Literal::usize_unsuffixed(paths.len());
    let descriptors = paths.iter().zip(&entries).map(|(path, entry)| {
        let private = root.private(at(path));
        quote_spanned!(at(path)=> #private::descriptor(&#entry))
    });
    let proofs = proofs(paths);
    let list = tree(root, entries.clone());
    quote_spanned! {span=>
        #private::Handlers {
            proofs: {
                const __HANDLERS: [#tidings::HandlerDescriptor; #count] = [#(#descriptors),*];
                const __EVENTS: ::core::primitive::usize = #private::proofs::count_events(&__HANDLERS);
                const __FAULTS: [#private::proofs::Fault; #count] =
                    #private::proofs::handler_faults::<#count, __EVENTS>(&__HANDLERS);
                #(#proofs)*
            },
            list: #list,
        }
    }
}

/// `{ const … ; LIST }`.
pub(crate) fn events(list: &List) -> TokenStream {
    let List { root, paths } = list;
    let span = Span::call_site();
    let (tidings, private) = (root.at(span), root.private(span));
    let count = Literal::usize_unsuffixed(paths.len());
    let descriptors = paths.iter().map(|path| {
        let private = root.private(at(path));
        quote_spanned!(at(path)=> <#path as #private::KnownEvent>::EVENT)
    });
    let proofs = proofs(paths);
    quote_spanned! {span=>
        {
            const __EVENTS: &[#tidings::EventDescriptor; #count] = &[#(#descriptors),*];
            const __FAULTS: [#private::proofs::Fault; #count] = #private::proofs::event_faults(__EVENTS);
            #(#proofs)*
            const __LIST: &[#tidings::EventDescriptor] = __EVENTS;
            __LIST
        }
    }
}

/// The span of `refund` in `orders::refund`.
fn at(path: &Path) -> Span {
    path.segments
        .last()
        .map_or_else(Span::call_site, |last| last.ident.span())
}

/// `__FAULTS` is the result of one pass; a constant at each entry reports the fault of that entry. The first entry has
/// none, since a fault is between an entry and an earlier one.
fn proofs(paths: &[Path]) -> impl Iterator<Item = TokenStream> {
    paths.iter().enumerate().skip(1).map(|(position, path)| {
        let position = Literal::usize_unsuffixed(position);
        quote_spanned!(at(path)=> const _: () = __FAULTS[#position].report();)
    })
}

/// Nested tuples of equal depth.
fn tree(root: &Root, mut entries: Vec<TokenStream>) -> TokenStream {
    let span = Span::call_site();
    let private = root.private(span);
    let mut is_leaf = true;
    loop {
        let tuples: Vec<TokenStream> = entries
            .chunks(WIDTH)
            .map(|chunk| {
                let tuple = quote_spanned!(span=> (#(#chunk,)*));
                if is_leaf {
                    tuple
                } else {
                    quote_spanned!(span=> #private::Branch { lists: #tuple })
                }
            })
            .collect();
        match tuples.len() {
            0 => return quote_spanned!(span=> ()),
            1 => return tuples.into_iter().next().unwrap_or_default(),
            _ => entries = tuples,
        }
        is_leaf = false;
    }
}
