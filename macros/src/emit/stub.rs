//! Stub impls, emitted together with errors, so that the rest of the program compiles and one mistake gives one error.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::{Data, DeriveInput};

use super::tokens::{kind_impls, rust_path};
use crate::model::handler::Function;
use crate::model::root::Root;

/// The stub of an event or a family. The proofs skip its empty type, and its pattern overlaps with every other pattern.
pub(crate) fn event(item: &DeriveInput, root: &Root) -> TokenStream {
    let name = &item.ident;
    let span = name.span();
    if !item.generics.params.is_empty() {
        return shapeless(item, root);
    }
    let (tidings, private) = (root.at(span), root.private(span));
    match &item.data {
        Data::Union(_) => shapeless(item, root),
        Data::Struct(_) => {
            let rust_type = rust_path(name);
            let kind_impls = kind_impls(name, root, "SingleEvent", "OneEvent", "ReturnsEvent");
            quote_spanned! {span=>
                #[automatically_derived]
                #[allow(deprecated)]
                impl #tidings::DomainEvent for #name {
                    const TYPE: &'static ::core::primitive::str = "";
                    const VERSION: ::core::primitive::u32 = 1;
                    const ROUTING_KEY: &'static ::core::primitive::str = "";
                    const KEY_PATTERN: &'static ::core::primitive::str = "#";
                    const DESCRIPTION: ::core::option::Option<&'static ::core::primitive::str> =
                        ::core::option::Option::None;
                    const DEPRECATED: ::core::option::Option<&'static ::core::primitive::str> =
                        ::core::option::Option::None;
                    const RUST_TYPE: &'static ::core::primitive::str = #rust_type;
                    fn routing_key(
                        &self,
                    ) -> ::core::result::Result<
                        ::std::borrow::Cow<'static, ::core::primitive::str>,
                        #private::RoutingKeyError,
                    > {
                        ::core::unreachable!()
                    }
                    fn aggregate_id(&self) -> ::std::string::String {
                        ::core::unreachable!()
                    }
                }
                #kind_impls
            }
        }
        Data::Enum(_) => {
            let kind_impls = kind_impls(name, root, "FamilyOfEvents", "OneOfFamily", "ReturnsFamily");
            quote_spanned! {span=>
                #[automatically_derived]
                #[allow(deprecated)]
                impl #tidings::EventFamily for #name {
                    const EVENTS: #private::EventSet = #private::EventSet::STUB;
                    const HAS_OTHER: ::core::primitive::bool = false;
                    fn decode(_: &#tidings::AnyEvent) -> ::core::result::Result<Self, #tidings::DecodeError> {
                        ::core::unreachable!()
                    }
                    fn visit<__V: #private::EventVisitor>(&self, _: __V) -> __V::Output {
                        ::core::unreachable!()
                    }
                }
                #kind_impls
            }
        }
    }
}

/// The stub of a generic type or a union, which cannot be an event. Code that handles or publishes it still compiles.
fn shapeless(item: &DeriveInput, root: &Root) -> TokenStream {
    let name = &item.ident;
    let span = name.span();
    let private = root.private(span);
    let (generics, arguments, _) = item.generics.split_for_impl();
    let predicates = item
        .generics
        .where_clause
        .as_ref()
        .map(|clause| &clause.predicates);
    let traits = [
        ("Payload", "Kind"),
        ("HandlerInput", "Shape"),
        ("IntoOutcome", "Shape"),
    ];
    traits
        .map(|(kind_trait, kind)| {
            let [kind_trait, kind] = [kind_trait, kind].map(|name| Ident::new(name, span));
            quote_spanned! {span=>
                #[automatically_derived]
                #[allow(deprecated)]
                #[diagnostic::do_not_recommend]
                impl #generics #private::#kind_trait for #name #arguments
                where
                    Self: ::core::marker::Send + ::core::marker::Sync + 'static,
                    #predicates
                {
                    type #kind = #private::Stub;
                }
            }
        })
        .into_iter()
        .collect()
}

pub(crate) fn handler(function: &Function, root: &Root) -> TokenStream {
    let name = &function.sig.ident;
    let vis = &function.vis;
    // A struct in an `impl` block would be one more error.
    if function.is_associated() {
        return TokenStream::new();
    }
    let span = name.span();
    let (tidings, private) = (root.at(span), root.private(span));
    let path = rust_path(name);
    let state = Ident::new("__S", span);
    quote_spanned! {span=>
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #name {}
        #[automatically_derived]
        impl #private::Registered for #name {
            const HANDLER: #tidings::HandlerDescriptor = #tidings::HandlerDescriptor::stub(#path);
        }
        #[automatically_derived]
        impl<#state> #private::Handle<#state> for #name {
            fn handle(_: #tidings::Delivery, _: ::std::sync::Arc<#state>) -> #private::HandlerFuture {
                ::core::unreachable!()
            }
        }
    }
}
