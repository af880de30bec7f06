//! The model of a handler: its function, its patterns and its options.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, LitStr, Path, ReturnType, Signature, Token, Type, Visibility};

use super::options::{self, Options, Text};
use super::root::Root;
use crate::errors::Errors;
use crate::grammar::duration;

/// A function whose body is not parsed, because it may have syntax errors while its author is typing.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let function = Self {
            attrs: input.call(Attribute::parse_outer)?,
            vis: input.parse()?,
            sig: input.parse()?,
        };
        let _body: TokenTree = input.parse()?;
        Ok(function)
    }
}

impl Function {
    /// Whether the signature names `self` or `Self`, as that of a function in an `impl` does.
    pub(crate) fn is_associated(&self) -> bool {
        fn names_self(tokens: TokenStream) -> bool {
            tokens.into_iter().any(|token| match token {
                TokenTree::Ident(word) => word == "self" || word == "Self",
                TokenTree::Group(group) => names_self(group.stream()),
                _ => false,
            })
        }
        names_self(self.sig.to_token_stream())
    }

    /// The types of the parameters. The first is the event.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Type> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => Some(input.ty.as_ref()),
            FnArg::Receiver(_) => None,
        })
    }

    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => Some(output),
        }
    }
}

/// The arguments of `#[event_handler(..)]`.
pub(crate) struct Handler {
    pub(crate) root: Root,
    pub(crate) patterns: Vec<Text>,
    pub(crate) name: Text,
    pub(crate) name_is_given: bool,
    pub(crate) queue: Option<Text>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) prefetch: Option<u32>,
    /// Zero for `breaker = "off"`.
    pub(crate) breaker: Option<u32>,
    pub(crate) attempts: Option<u32>,
    pub(crate) rungs: Option<(Vec<Duration>, Span)>,
    pub(crate) timeout: Option<(Duration, Span)>,
    pub(crate) ordered: bool,
    pub(crate) rejects: Vec<Path>,
    pub(crate) description: Option<String>,
    // The names of flags, and of options that exclude each other, for error messages.
    pub(crate) queue_option: Option<Ident>,
    pub(crate) retry: Option<Ident>,
    pub(crate) on_dead_letter: Option<Ident>,
    pub(crate) single_active: Option<Ident>,
    pub(crate) ephemeral: Option<Ident>,
}

const OPTIONS: &[&str] = &[
    "name",
    "queue",
    "concurrency",
    "prefetch",
    "breaker",
    "retry",
    "timeout",
    "ordered_by",
    "on_dead_letter",
    "single_active",
    "ephemeral",
    "reject_on",
    "crate",
];

impl Handler {
    pub(crate) fn from_syn(args: TokenStream, function: &Function, errors: &mut Errors) -> Self {
        let name = &function.sig.ident;
        let mut handler = Self {
            root: Root::default(),
            patterns: Vec::new(),
            name: Text {
                value: name.unraw().to_string(),
                span: name.span(),
            },
            name_is_given: false,
            queue: None,
            concurrency: None,
            prefetch: None,
            breaker: None,
            attempts: None,
            rungs: None,
            timeout: None,
            ordered: false,
            rejects: Vec::new(),
            description: options::description(&function.attrs),
            queue_option: None,
            retry: None,
            on_dead_letter: None,
            single_active: None,
            ephemeral: None,
        };
        let read = |input: ParseStream<'_>| {
            handler.read_args(input, errors);
            Ok(())
        };
        if let Err(error) = read.parse2(args) {
            errors.add(error);
        }
        handler
    }

    // #[event_handler]  #[event_handler("order.*", "payment.#")]  #[event_handler("order.*", queue = "billing")]
    fn read_args(&mut self, input: ParseStream<'_>, errors: &mut Errors) {
        while input.peek(LitStr) {
            match input.parse::<LitStr>() {
                Ok(pattern) => self.patterns.push(pattern.into()),
                Err(error) => errors.add(error),
            }
            if input.is_empty() {
                return;
            }
            if let Err(error) = input.parse::<Token![,]>() {
                errors.at(error.span(), "expected `,` after the pattern");
                options::skip_to_comma(input);
                let _ = input.parse::<Token![,]>();
            }
        }
        let mut known = Options::new("#[event_handler(..)]", OPTIONS).with_texts(
            "patterns come before the options; move this one to the front",
            "a pattern stands in quotes; write ",
        );
        known.read(input, errors, |name, input, errors| {
            self.read_option(name, input, errors)
        });
    }

    fn read_option(&mut self, name: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        match name.unraw().to_string().as_str() {
            "name" => {
                self.name = options::text(name, input, "name = \"take_payment\"")?;
                self.name_is_given = true;
            }
            "queue" => {
                self.queue = Some(options::text(name, input, "queue = \"billing\"")?);
                self.queue_option = Some(name.clone());
            }
            "concurrency" => {
                self.concurrency = Some(options::number(name, input, "concurrency = 64", u16::MAX.into())?);
            }
            "prefetch" => {
                self.prefetch = Some(options::number(name, input, "prefetch = 256", u16::MAX.into())?);
            }
            "breaker" if input.peek2(LitStr) => {
                only(name, input, "off", errors)?;
                self.breaker = Some(0);
            }
            "breaker" => {
                self.breaker = Some(options::number(name, input, "breaker = 20", u16::MAX.into())?);
            }
            "retry" => {
                self.retry = Some(name.clone());
                self.read_retry(name, input, errors)?;
            }
            "timeout" => {
                let text = options::text(name, input, "timeout = \"30s\"")?;
                match duration::parse(&text.value) {
                    Ok(timeout) => self.timeout = Some((timeout, text.span)),
                    Err(message) => errors.at(text.span, message),
                }
            }
            "ordered_by" => {
                only(name, input, "aggregate_id", errors)?;
                self.ordered = true;
            }
            "on_dead_letter" => {
                only(name, input, "pause", errors)?;
                self.on_dead_letter = Some(name.clone());
            }
            "single_active" => {
                options::flag(name, input)?;
                self.single_active = Some(name.clone());
            }
            "ephemeral" => {
                options::flag(name, input)?;
                self.ephemeral = Some(name.clone());
            }
            "reject_on" => self.rejects = read_rejects(name, input)?,
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
    }

    // retry(attempts = 8, rungs = "1s, 5s, 15s")
    fn read_retry(&mut self, name: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let error = || {
            syn::Error::new(
                name.span(),
                "`retry` takes options of its own; write retry(attempts = 8, rungs = \"1s, 5s\")",
            )
        };
        if !input.peek(syn::token::Paren) {
            return Err(error());
        }
        let content;
        syn::parenthesized!(content in input);
        if content.is_empty() {
            return Err(error());
        }
        Options::new("retry(..)", &["attempts", "rungs"]).read(&content, errors, |name, input, errors| {
            if name == "attempts" {
                self.attempts = Some(options::number(name, input, "attempts = 8", 1_000)?);
                return Ok(());
            }
            let text = options::text(name, input, "rungs = \"1s, 5s, 15s\"")?;
            let mut rungs = Vec::new();
            for rung in text
                .value
                .split(',')
                .map(str::trim)
                .filter(|rung| !rung.is_empty())
            {
                match duration::parse(rung) {
                    Ok(rung) => rungs.push(rung),
                    Err(message) => {
                        errors.at(text.span, message);
                        return Ok(());
                    }
                }
            }
            self.rungs = Some((rungs, text.span));
            Ok(())
        });
        Ok(())
    }
}

/// Parses an option that has a single allowed value. Users write it out, so that other values can be added later.
fn only(name: &Ident, input: ParseStream<'_>, value: &str, errors: &mut Errors) -> syn::Result<()> {
    let text = options::text(name, input, &format!("{name} = \"{value}\""))?;
    if text.value != value {
        errors.at(
            text.span,
            format!("`{name}` knows only \"{value}\"; write {name} = \"{value}\""),
        );
    }
    Ok(())
}

// reject_on(CardDeclined, stock::SoldOut)
fn read_rejects(name: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<Path>> {
    let error = |span| {
        syn::Error::new(
            span,
            "`reject_on` takes error types; write reject_on(CardDeclined)",
        )
    };
    if !input.peek(syn::token::Paren) {
        return Err(error(name.span()));
    }
    let content;
    syn::parenthesized!(content in input);
    let paths = Punctuated::<Path, Token![,]>::parse_terminated(&content).map_err(|parse_error| {
        // syn would report unread tokens as one more error.
        let _ = content.parse::<TokenStream>();
        error(parse_error.span())
    })?;
    if paths.is_empty() {
        return Err(error(name.span()));
    }
    let mut seen = Vec::new();
    for path in &paths {
        let text = path.to_token_stream().to_string();
        if seen.contains(&text) {
            return Err(syn::Error::new_spanned(
                path,
                format!("duplicate `{}`; remove one of the two", text.replace(' ', "")),
            ));
        }
        seen.push(text);
    }
    Ok(paths.into_iter().collect())
}
