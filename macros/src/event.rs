//! An event or a family as the derive reads it.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DeriveInput, Expr, Fields, Lit, Member, Meta, Path, Token, Type};

use crate::attr::{self, Options, Text};
use crate::errors::Errors;
use crate::root::Root;
use crate::routing::{self, Template};
use crate::{check, emit_event, fallback};

/// What `#[derive(DomainEvent)]` stands on.
pub(crate) enum Model {
    Event(Event),
    Family(Family),
}

/// A struct that is an event.
#[allow(clippy::struct_field_names)] // `event_type` is the word for it everywhere; `type` is a keyword.
pub(crate) struct Event {
    pub(crate) name: Ident,
    pub(crate) root: Root,
    pub(crate) event_type: Text,
    pub(crate) version: u32,
    pub(crate) aggregate_id: FieldPath,
    pub(crate) routing_key: Key,
    pub(crate) older: Option<Path>,
    pub(crate) example: Option<Expr>,
    pub(crate) description: Option<String>,
    pub(crate) deprecated: Option<String>,
}

/// An enum of events.
pub(crate) struct Family {
    pub(crate) name: Ident,
    pub(crate) root: Root,
    pub(crate) variants: Vec<Variant>,
    pub(crate) other: Option<Variant>,
}

/// A variant of a family and what it wraps.
pub(crate) struct Variant {
    pub(crate) name: Ident,
    pub(crate) payload: Type,
}

/// A field, or a field of a field.
#[derive(Clone)]
pub(crate) struct FieldPath(pub(crate) Vec<Member>);

impl FieldPath {
    /// From its text in a routing key, at the literal.
    pub(crate) fn from_text(text: &str, span: Span) -> Self {
        Self(
            text.split('.')
                .map(|name| {
                    // A field whose name is a keyword is written without its `r#`, as it is everywhere but in code.
                    let plain = syn::parse_str::<Ident>(name);
                    Member::Named(
                        plain.map_or_else(|_| Ident::new_raw(name, span), |_| Ident::new(name, span)),
                    )
                })
                .collect(),
        )
    }

    /// The field of the event itself.
    pub(crate) fn head(&self) -> String {
        match &self.0[0] {
            Member::Named(name) => name.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.0[0].span()
    }
}

/// The routing key: as it is written, and as it was understood.
pub(crate) struct Key {
    pub(crate) text: Text,
    pub(crate) template: Template,
}

/// What the options said, before anything is made of them.
#[derive(Default)]
struct Given {
    root: Root,
    event_type: Option<Text>,
    version: Option<u32>,
    aggregate_id: Option<FieldPath>,
    routing_key: Option<Text>,
    older: Option<Path>,
    example: Option<Expr>,
    family: Vec<Ident>,
}

const OPTIONS: &[&str] = &[
    "type",
    "version",
    "aggregate_id",
    "routing_key",
    "upcast_from",
    "example",
    "crate",
];

/// `#[derive(DomainEvent)]`.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item = match syn::parse2::<DeriveInput>(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let model = Model::from_syn(&item, &mut errors);
    match model {
        Some(model) if errors.is_empty() => match model {
            Model::Event(event) => emit_event::event(&event),
            Model::Family(family) => emit_event::family(&family),
        },
        _ => {
            // What cannot be read is reported already.
            let root = Given::read(&item.attrs, &mut Errors::default()).root;
            let stub = fallback::event(&item, &root);
            let mistakes = errors.into_tokens();
            quote::quote!(#mistakes #stub)
        }
    }
}

impl Model {
    fn from_syn(item: &DeriveInput, errors: &mut Errors) -> Option<Self> {
        check::no_generics(item, errors);
        match &item.data {
            Data::Struct(data) => Event::from_syn(item, &data.fields, errors).map(Self::Event),
            Data::Enum(data) => Some(Self::Family(Family::from_syn(item, data, errors))),
            Data::Union(data) => {
                errors.at(
                    data.union_token.span(),
                    "a union cannot be an event: it has no one shape to be written in; write a struct",
                );
                None
            }
        }
    }
}

impl Event {
    fn from_syn(item: &DeriveInput, fields: &Fields, errors: &mut Errors) -> Option<Self> {
        let given = Given::read(&item.attrs, errors);
        let fields = match fields {
            Fields::Named(fields) => fields
                .named
                .iter()
                .filter_map(|field| field.ident.as_ref())
                .collect(),
            Fields::Unnamed(_) => {
                errors.on(
                    &item.ident,
                    format!(
                        "an event has named fields, since they are its JSON; write struct {} {{ id: …, .. }}",
                        item.ident
                    ),
                );
                return None;
            }
            Fields::Unit => Vec::new(),
        };
        if let Some(extra) = given.family.first() {
            errors.on(
                extra,
                "`other` marks a variant of a family, an enum; a struct has none",
            );
        }
        let read_so_far = errors.is_empty();
        let event_type = given.event_type.or_else(|| type_of_name(&item.ident, errors))?;
        errors_at(routing::check_type(&event_type.value), event_type.span, errors);
        let key_text = given.routing_key.clone().unwrap_or_else(|| event_type.clone());
        let template = match Template::parse(&key_text.value) {
            Ok(template) => Some(template),
            // A key that is the type has been judged as the type.
            Err(_) if given.routing_key.is_none() => None,
            Err(fault) => {
                errors.at(key_text.span, fault);
                None
            }
        };
        let aggregate_id = match given.aggregate_id {
            Some(path) => Some(path),
            None if !read_so_far => None,
            None => check::default_aggregate_id(item, &event_type.value, &fields, errors),
        };
        let event = Self {
            name: item.ident.clone(),
            root: given.root,
            event_type,
            version: given.version.unwrap_or(1),
            aggregate_id: aggregate_id?,
            routing_key: Key {
                text: key_text,
                template: template?,
            },
            older: given.older,
            example: given.example,
            description: attr::description(&item.attrs),
            deprecated: attr::deprecated(&item.attrs),
        };
        check::event(&event, &fields, errors);
        Some(event)
    }
}

impl Family {
    fn from_syn(item: &DeriveInput, data: &syn::DataEnum, errors: &mut Errors) -> Self {
        let given = Given::read(&item.attrs, errors);
        check::family_options(&item.attrs, errors);
        let mut family = Self {
            name: item.ident.clone(),
            root: given.root,
            variants: Vec::new(),
            other: None,
        };
        for variant in &data.variants {
            let is_other = read_other(&variant.attrs, errors);
            let payload = match &variant.fields {
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed[0].ty.clone(),
                _ => {
                    let example = if is_other {
                        "Other(AnyEvent)"
                    } else {
                        "Created(OrderCreated)"
                    };
                    errors.on(
                        &variant.ident,
                        format!("a variant of a family wraps one event, as in {example}"),
                    );
                    continue;
                }
            };
            let variant = Variant {
                name: variant.ident.clone(),
                payload,
            };
            match (is_other, &family.other) {
                (false, _) => family.variants.push(variant),
                (true, None) => family.other = Some(variant),
                (true, Some(first)) => errors.on(
                    &variant.name,
                    format!(
                        "two variants take every other event, `{}` and `{}`; mark one with #[event(other)]",
                        first.name, variant.name
                    ),
                ),
            }
        }
        if data.variants.is_empty() {
            errors.on(
                &item.ident,
                "a family without variants has no events; give it one, such as Created(OrderCreated)",
            );
        }
        family
    }
}

impl Given {
    fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut given = Self::default();
        let mut options = Options::new("#[event(..)]", OPTIONS).with_texts(
            "a text needs the name of its option before it; write type = \"order.created\"",
            "a type stands in quotes, after its option's name; write type = ",
        );
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
            let Meta::List(list) = &attr.meta else {
                errors.on(
                    attr,
                    "`event` takes its options in parentheses; write #[event(type = \"order.created\")]",
                );
                continue;
            };
            let result = list.parse_args_with(|input: ParseStream<'_>| {
                given.read_list(&mut options, input, errors);
                Ok(())
            });
            let _ = errors.keep(result);
        }
        given
    }

    fn read_list(&mut self, options: &mut Options, input: ParseStream<'_>, errors: &mut Errors) {
        // `other` on the type rather than on a variant: worth a word of its own.
        if let Ok(name) = input.fork().call(Ident::parse_any)
            && name == "other"
        {
            self.family.push(name);
            let _ = input.call(Ident::parse_any);
            let _ = input.parse::<Token![,]>();
        }
        options.read(input, errors, |name, input, _| {
            match name.unraw().to_string().as_str() {
                "type" => self.event_type = Some(attr::text(name, input, "type = \"order.created\"")?),
                "version" => self.version = Some(attr::number(name, input, "version = 2", u32::MAX)?),
                "aggregate_id" => self.aggregate_id = Some(read_path(name, input)?),
                "routing_key" => {
                    self.routing_key = Some(attr::text(
                        name,
                        input,
                        "routing_key = \"order.created.{region}\"",
                    )?);
                }
                "upcast_from" => {
                    self.older = Some(attr::value(
                        name,
                        input,
                        "a type",
                        "upcast_from = OrderCreatedV1",
                    )?);
                }
                "example" => self.example = Some(read_example(name, input)?),
                _ => {
                    self.root = Root(Some(attr::value(
                        name,
                        input,
                        "a path",
                        "crate = my_crate::tidings",
                    )?));
                }
            }
            Ok(())
        });
    }
}

// aggregate_id = order_id  aggregate_id = order.id
fn read_path(name: &Ident, input: ParseStream<'_>) -> syn::Result<FieldPath> {
    struct Dotted(Vec<Member>);
    impl syn::parse::Parse for Dotted {
        fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
            let mut path = vec![input.parse()?];
            while input.peek(Token![.]) {
                input.parse::<Token![.]>()?;
                path.push(input.parse()?);
            }
            Ok(Self(path))
        }
    }
    attr::value::<Dotted>(name, input, "a field", "aggregate_id = order_id").map(|path| FieldPath(path.0))
}

// example = OrderCreated { order_id: 7 }  example = sample_order()  example = SAMPLE_ORDER
fn read_example(name: &Ident, input: ParseStream<'_>) -> syn::Result<Expr> {
    const EXAMPLE: &str =
        "example = OrderCreated { .. } with its fields, or a call of a function that makes one";
    let example = attr::value(name, input, "an event", EXAMPLE)?;
    let Expr::Lit(literal) = &example else {
        return Ok(example);
    };
    let span = literal.span();
    let message = match &literal.lit {
        // As serde has its functions named.
        Lit::Str(text)
            if text
                .parse::<Expr>()
                .is_ok_and(|expr| !matches!(expr, Expr::Lit(_))) =>
        {
            format!(
                "`example` takes an event, without quotes; write example = {}",
                text.value()
            )
        }
        _ => format!("`example` takes an event; write {EXAMPLE}"),
    };
    Err(syn::Error::new(span, message))
}

// #[event(other)]
fn read_other(attrs: &[Attribute], errors: &mut Errors) -> bool {
    let mut is_other = false;
    let mut options = Options::new("a variant's #[event(..)]", &["other"]);
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        let Meta::List(list) = &attr.meta else {
            errors.on(
                attr,
                "`event` takes its options in parentheses; write #[event(other)]",
            );
            continue;
        };
        let result = list.parse_args_with(|input: ParseStream<'_>| {
            options.read(input, errors, |name, input, _| {
                is_other = true;
                attr::flag(name, input)
            });
            Ok(())
        });
        let _ = errors.keep(result);
    }
    is_other
}

// Two words are a thing and what happened to it. With more, only its author knows where the one ends.
fn type_of_name(name: &Ident, errors: &mut Errors) -> Option<Text> {
    let words = routing::words(&name.unraw().to_string());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_version = |word: &str| {
        word.strip_prefix('v')
            .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    };
    let message = match words.as_slice() {
        [thing, happened] if !is_version(happened) => {
            return Some(Text {
                value: format!("{thing}.{happened}"),
                span: name.span(),
            });
        }
        [before @ .., version] if before.len() == 2 && is_version(version) => format!(
            "missing type; write #[event(type = \"{}\", version = {})]",
            before.join("."),
            &version[1..]
        ),
        [first, middle, last] => format!(
            "missing type; write #[event(type = \"{first}.{middle}.{last}\")] or #[event(type = \"{first}.{middle}_{last}\")]"
        ),
        [first, middle @ .., last] if !middle.is_empty() => {
            let middle = middle.join("_");
            format!(
                "missing type; write #[event(type = \"{first}.{middle}.{last}\")] or #[event(type = \"{first}_{middle}.{last}\")]"
            )
        }
        _ => format!(
            "missing type; write #[event(type = \"…\")] with the thing and what happened to it, \"order.created\", since \
             `{name}` alone does not say both"
        ),
    };
    errors.on(name, message);
    None
}

fn errors_at(result: Result<(), String>, span: Span, errors: &mut Errors) {
    if let Err(fault) = result {
        errors.at(span, fault);
    }
}
