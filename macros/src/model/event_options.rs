//! The options of `#[event(..)]` on a struct or an enum.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, Lit, Member, Meta, Path, Token};

use super::field_path::FieldPath;
use super::options::{self, Options, Text};
use super::root::Root;
use crate::errors::Errors;

/// The options of `#[event(..)]` as given.
#[derive(Default)]
pub(crate) struct EventOptions {
    pub(crate) root: Root,
    pub(crate) event_type: Option<Text>,
    pub(crate) version: Option<u32>,
    pub(crate) aggregate_id: Option<FieldPath>,
    pub(crate) routing_key: Option<Text>,
    pub(crate) older: Option<Path>,
    pub(crate) example: Option<Expr>,
    /// `other`, which belongs to a variant.
    pub(crate) family_options: Vec<Ident>,
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

impl EventOptions {
    pub(crate) fn from_syn(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut given = Self::default();
        let mut known = Options::new("#[event(..)]", OPTIONS).with_texts(
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
                given.read_list(&mut known, input, errors);
                Ok(())
            });
            let _ = errors.keep(result);
        }
        given
    }

    fn read_list(&mut self, known: &mut Options, input: ParseStream<'_>, errors: &mut Errors) {
        // `other` belongs to a variant. The error for an unknown option would not say so.
        if let Ok(name) = input.fork().call(Ident::parse_any)
            && name == "other"
        {
            self.family_options.push(name);
            let _ = input.call(Ident::parse_any);
            let _ = input.parse::<Token![,]>();
        }
        known.read(input, errors, |name, input, _| {
            match name.unraw().to_string().as_str() {
                "type" => self.event_type = Some(options::text(name, input, "type = \"order.created\"")?),
                "version" => self.version = Some(options::number(name, input, "version = 2", u32::MAX)?),
                "aggregate_id" => self.aggregate_id = Some(read_path(name, input)?),
                "routing_key" => {
                    self.routing_key = Some(options::text(
                        name,
                        input,
                        "routing_key = \"order.created.{region}\"",
                    )?);
                }
                "upcast_from" => {
                    self.older = Some(options::value(
                        name,
                        input,
                        "a type",
                        "upcast_from = OrderCreatedV1",
                    )?);
                }
                "example" => self.example = Some(read_example(name, input)?),
                _ => {
                    self.root = Root(Some(options::value(
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
    options::value::<Dotted>(name, input, "a field", "aggregate_id = order_id").map(|path| FieldPath(path.0))
}

// example = OrderCreated { order_id: 7 }  example = sample_order()  example = SAMPLE_ORDER
fn read_example(name: &Ident, input: ParseStream<'_>) -> syn::Result<Expr> {
    const EXAMPLE: &str =
        "example = OrderCreated { .. } with its fields, or a call of a function that makes one";
    let example = options::value(name, input, "an event", EXAMPLE)?;
    let Expr::Lit(literal) = &example else {
        return Ok(example);
    };
    let span = literal.span();
    let message = match &literal.lit {
        // serde takes the names of functions in quotes, so users write quotes here too.
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
