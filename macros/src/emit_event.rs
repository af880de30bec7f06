//! An event or a family, from its model to the impls. Nothing can fail here: the model has been judged.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Member;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::event::{Event, Family, FieldPath};
use crate::root::Root;
use crate::routing::Word;

/// The impls of an event.
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
    let carriers = carriers(name, root, "SingleEvent", "OneEvent", "ReturnsEvent");
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
        #carriers
        #proof
    }
}

/// The impls of a family.
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
        let kept = other_event(root, &other.payload);
        quote_spanned!(span=> ::core::result::Result::Ok(Self::#variant(#kept::keep(__event))))
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
        let kept = other_event(root, &other.payload);
        quote_spanned!(span=> Self::#variant(__event) => #kept::visit(__event, __visitor),)
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
    let carriers = carriers(name, root, "FamilyOfEvents", "OneOfFamily", "ReturnsFamily");
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
        #carriers
        #(#proofs)*
    }
}

// The impls that say what kind a type is, and leave the work to the runtime's kinds: a body here would be one more
// place for rustc to report what the type lacks. Not recommended, or rustc would count up a user's events beside each
// type that is none.
pub(crate) fn carriers(name: &Ident, root: &Root, kind: &str, input: &str, output: &str) -> TokenStream {
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

/// A text at `span`.
pub(crate) fn literal(text: &str, span: Span) -> Literal {
    let mut literal = Literal::string(text);
    literal.set_span(span);
    literal
}

fn optional(text: Option<&str>, span: Span) -> TokenStream {
    let Some(text) = text else {
        return quote_spanned!(span=> ::core::option::Option::None);
    };
    let text = literal(text, span);
    quote_spanned!(span=> ::core::option::Option::Some(#text))
}

// `<T as KnownEvent>`, every time with the same tokens at the same place, so that rustc merges what it says of it.
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

// `self` at the path, and yet that of the method: where a `macro_rules!` writes the path and its caller the name, the two
// are not of one hygiene.
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
            // Typed here, and not as the argument of `Some`, of which rustc would speak too.
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
