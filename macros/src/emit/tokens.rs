//! Pieces of generated code that several emitters share.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt as _;

use crate::model::root::Root;

/// The impls that name the kind of a type. The runtime implements the methods for each kind: if they were here, rustc
/// would report a missing trait in one more place. `do_not_recommend` keeps rustc from listing the user's events next
/// to a type that is no event.
pub(crate) fn kind_impls(name: &Ident, root: &Root, kind: &str, input: &str, output: &str) -> TokenStream {
    let span = name.span();
    let private = root.private(span);
    let [kind, input, output] = [kind, input, output].map(|name| Ident::new(name, span));
    quote_spanned! {span=>
        #[automatically_derived]
        #[allow(deprecated)]
        #[diagnostic::do_not_recommend]
        impl #private::Payload for #name {
            type Kind = #private::#kind;
        }
        #[automatically_derived]
        #[allow(deprecated)]
        #[diagnostic::do_not_recommend]
        impl #private::HandlerInput for #name {
            type Shape = #private::#input;
        }
        #[automatically_derived]
        #[allow(deprecated)]
        #[diagnostic::do_not_recommend]
        impl #private::IntoOutcome for #name {
            type Shape = #private::#output;
        }
    }
}

/// `concat!(module_path!(), "::Name")`.
pub(crate) fn rust_path(name: &Ident) -> TokenStream {
    let span = name.span();
    let path = literal(&format!("::{}", name.unraw()), span);
    quote_spanned!(span=> ::core::concat!(::core::module_path!(), #path))
}

pub(crate) fn literal(text: &str, span: Span) -> Literal {
    let mut literal = Literal::string(text);
    literal.set_span(span);
    literal
}
