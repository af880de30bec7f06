//! The impls of a family.

use proc_macro2::{Literal, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::tokens::kind_impls;
use crate::model::family::Family;
use crate::model::root::Root;

pub(crate) fn family(family: &Family) -> TokenStream {
    let Family { name, root, .. } = family;
    let span = name.span();
    let (tidings, private) = (root.at(span), root.private(span));
    let has_other = family.other.is_some();
    let events = family.variants.iter().map(|variant| {
        let known = known_event(root, &variant.payload);
        quote_spanned!(variant.payload.span()=> #known::EVENT)
    });
    let decodes = family.variants.iter().map(|variant| {
        let known = known_event(root, &variant.payload);
        let variant = &variant.name;
        quote_spanned! {span=>
            if #known::is(__event) {
                return ::core::result::Result::map(#known::decode(__event), Self::#variant);
            }
        }
    });
    let rest = if let Some(other) = &family.other {
        let variant = &other.name;
        let payload = other_event(root, &other.payload);
        quote_spanned!(span=> ::core::result::Result::Ok(Self::#variant(#payload::keep(__event))))
    } else {
        quote_spanned!(span=> #private::wrong_type(__event))
    };
    let visits = family.variants.iter().map(|variant| {
        let known = known_event(root, &variant.payload);
        let variant = &variant.name;
        quote_spanned!(span=> Self::#variant(__event) => #known::visit(__event, __visitor),)
    });
    let visits_other = family.other.iter().map(|other| {
        let variant = &other.name;
        let payload = other_event(root, &other.payload);
        quote_spanned!(span=> Self::#variant(__event) => #payload::visit(__event, __visitor),)
    });
    let proofs = family.variants.iter().enumerate().skip(1).map(|(at, variant)| {
        let span = variant.payload.span();
        let (tidings, private) = (root.at(span), root.private(span));
        let at = Literal::usize_unsuffixed(at);
        quote_spanned! {span=>
            #[allow(deprecated)]
            const _: () = #private::proofs::variant_is_alone(<#name as #tidings::EventFamily>::EVENTS, #at);
        }
    });
    let kind_impls = kind_impls(name, root, "FamilyOfEvents", "OneOfFamily", "ReturnsFamily");
    quote_spanned! {span=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #tidings::EventFamily for #name {
            const EVENTS: #private::EventSet = #private::EventSet::Events(&[#(#events),*]);
            const HAS_OTHER: ::core::primitive::bool = #has_other;

            fn decode(__event: &#tidings::AnyEvent) -> ::core::result::Result<Self, #tidings::DecodeError> {
                #(#decodes)*
                #rest
            }

            fn visit<__V: #private::EventVisitor>(&self, __visitor: __V) -> __V::Output {
                match self {
                    #(#visits)*
                    #(#visits_other)*
                }
            }
        }
        #kind_impls
        #(#proofs)*
    }
}

/// `<T as KnownEvent>`, always with the same tokens and span, so that rustc merges equal errors about it.
fn known_event(root: &Root, payload: &syn::Type) -> TokenStream {
    let span = payload.span();
    let private = root.private(span);
    quote_spanned!(span=> <#payload as #private::KnownEvent>)
}

fn other_event(root: &Root, payload: &syn::Type) -> TokenStream {
    let span = payload.span();
    let private = root.private(span);
    quote_spanned!(span=> <#payload as #private::OtherEvent>)
}
