//! The impls of an event.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Member;
use syn::spanned::Spanned as _;

use super::tokens::{kind_impls, literal, rust_path};
use crate::grammar::routing::Word;
use crate::model::event::Event;
use crate::model::field_path::FieldPath;

pub(crate) fn event(event: &Event) -> TokenStream {
    let Event {
        name, root, version, ..
    } = event;
    let span = name.span();
    let (tidings, private) = (root.at(span), root.private(span));
    let event_type = literal(&event.event_type.value, span);
    let key = literal(&event.routing_key.text.value, span);
    let pattern = literal(&event.routing_key.template.pattern(), span);
    let description = optional(event.description.as_deref(), span);
    let deprecated = optional(event.deprecated.as_deref(), span);
    let rust_type = rust_path(name);
    let build_key = build_key(event);
    let aggregate_id = aggregate_id(event);
    let upcast = upcast(event);
    let example = example(event);
    let proof = upcast_proof(event);
    let kind_impls = kind_impls(name, root, "SingleEvent", "OneEvent", "ReturnsEvent");
    quote_spanned! {span=>
        #[automatically_derived]
        #[allow(deprecated)]
        impl #tidings::DomainEvent for #name {
            const TYPE: &'static ::core::primitive::str = #event_type;
            const VERSION: ::core::primitive::u32 = #version;
            const ROUTING_KEY: &'static ::core::primitive::str = #key;
            const KEY_PATTERN: &'static ::core::primitive::str = #pattern;
            const DESCRIPTION: ::core::option::Option<&'static ::core::primitive::str> = #description;
            const DEPRECATED: ::core::option::Option<&'static ::core::primitive::str> = #deprecated;
            const RUST_TYPE: &'static ::core::primitive::str = #rust_type;

            fn routing_key(
                &self,
            ) -> ::core::result::Result<
                ::std::borrow::Cow<'static, ::core::primitive::str>,
                #private::RoutingKeyError,
            > {
                #build_key
            }

            fn aggregate_id(&self) -> ::std::string::String {
                #aggregate_id
            }

            #upcast
            #example
        }
        #kind_impls
        #proof
    }
}

fn optional(text: Option<&str>, span: Span) -> TokenStream {
    let Some(text) = text else {
        return quote_spanned!(span=> ::core::option::Option::None);
    };
    let text = literal(text, span);
    quote_spanned!(span=> ::core::option::Option::Some(#text))
}

fn build_key(event: &Event) -> TokenStream {
    let Event { name, root, .. } = event;
    let key = &event.routing_key;
    if key.template.fields().next().is_none() {
        let span = name.span();
        let text = literal(&key.text.value, span);
        return quote_spanned!(span=> ::core::result::Result::Ok(::std::borrow::Cow::Borrowed(#text)));
    }
    let span = key.text.span;
    let private = root.private(span);
    let mut text = String::new();
    let mut steps = TokenStream::new();
    let step = |text: &mut String| {
        let piece = literal(&std::mem::take(text), span);
        quote_spanned!(span=> .text(#piece))
    };
    for (at, word) in key.template.0.iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        match word {
            Word::Text(word) => text.push_str(word),
            Word::Field(field) => {
                if !text.is_empty() {
                    steps.extend(step(&mut text));
                }
                let path = access(name, &FieldPath::from_text(field, span), span);
                let field = literal(field, span);
                steps.extend(quote_spanned!(span=> .field(#field, #private::KeyWord::word(&#path))?));
            }
        }
    }
    if !text.is_empty() {
        steps.extend(step(&mut text));
    }
    let template = literal(&key.text.value, span);
    quote_spanned!(span=> #private::RoutingKeyBuilder::new(#template) #steps .finish())
}

fn aggregate_id(event: &Event) -> TokenStream {
    let span = event.aggregate_id.span();
    let private = event.root.private(span);
    let path = access(&event.name, &event.aggregate_id, span);
    quote_spanned!(span=> #private::AggregateId::text(&#path))
}

/// `self.path`. `self` has the span of the path and the hygiene of the method, because the path may come from a
/// `macro_rules!` and the name of the type from its caller.
fn access(name: &Ident, path: &FieldPath, span: Span) -> TokenStream {
    let this = Ident::new("self", span.resolved_at(name.span()));
    let members = path.0.iter().map(|member| match member {
        Member::Named(name) => quote!(#name),
        Member::Unnamed(index) => quote!(#index),
    });
    quote_spanned!(span=> #this #(.#members)*)
}

fn upcast(event: &Event) -> TokenStream {
    let Some(older) = &event.older else {
        return TokenStream::new();
    };
    let span = older.span();
    let (tidings, private) = (event.root.at(span), event.root.private(span));
    quote_spanned! {span=>
        const OLDER: ::core::option::Option<&'static #tidings::EventDescriptor> =
            ::core::option::Option::Some(&<#older as #private::KnownEvent>::EVENT);

        fn decode_older(
            __version: ::core::primitive::u32,
            __data: &::core::primitive::str,
        ) -> ::core::option::Option<::core::result::Result<Self, #tidings::DecodeError>> {
            ::core::option::Option::Some(<Self as #private::UpcastFrom<#older>>::upcast(
                __version,
                <#older as #private::KnownEvent>::decode_version(__version, __data),
            ))
        }
    }
}

fn example(event: &Event) -> TokenStream {
    let Some(example) = &event.example else {
        return TokenStream::new();
    };
    let span = event.name.span();
    quote_spanned! {span=>
        fn contract_example() -> ::core::option::Option<Self> {
            // Without this variable, a type error would mention `Some` too.
            let __example: Self = #example;
            ::core::option::Option::Some(__example)
        }
    }
}

fn upcast_proof(event: &Event) -> TokenStream {
    let Some(older) = &event.older else {
        return TokenStream::new();
    };
    let name = &event.name;
    let span = older.span();
    let private = event.root.private(span);
    quote_spanned! {span=>
        #[allow(deprecated)]
        const _: () = #private::proofs::upcast(
            <#older as #private::KnownEvent>::NAME,
            <#name as #private::KnownEvent>::NAME,
        );
    }
}
