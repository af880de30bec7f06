//! A handler as the attribute reads it: a function, its patterns and its options.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, LitStr, Path, ReturnType, Signature, Token, Type, Visibility};

use crate::attr::{self, Options, Text};
use crate::errors::Errors;
use crate::root::Root;
use crate::{check, duration, emit_handler, fallback};

/// A function, its body unread: it goes out as it came in, unfinished while its author still types.
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
    /// Whether it stands in an `impl`, as far as its signature tells.
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

    /// The types of the parameters, the event's first.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Type> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(input) => Some(input.ty.as_ref()),
            FnArg::Receiver(_) => None,
        })
    }

    /// The type that it returns, where it says so.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => Some(output),
        }
    }
}

/// What `#[event_handler(..)]` says.
pub(crate) struct Handler {
    pub(crate) root: Root,
    pub(crate) patterns: Vec<Text>,
    pub(crate) name: Text,
    pub(crate) name_is_given: bool,
    pub(crate) queue: Option<Text>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) prefetch: Option<u32>,
    pub(crate) attempts: Option<u32>,
    pub(crate) rungs: Option<(Vec<Duration>, Span)>,
    pub(crate) timeout: Option<(Duration, Span)>,
    pub(crate) ordered: bool,
    pub(crate) rejects: Vec<Path>,
    pub(crate) description: Option<String>,
    // The names of options that stand for themselves, or that another one may rule out.
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
    "retry",
    "timeout",
    "ordered_by",
    "on_dead_letter",
    "single_active",
    "ephemeral",
    "reject_on",
    "crate",
];

/// `#[event_handler(..)]`.
pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            if is_function(item) {
                errors.add(error);
            } else {
                let message = "an event handler is a function; write #[event_handler] over an `async fn`";
                errors.at(name_of(item), message);
            }
            let mistakes = errors.into_tokens();
            return quote!(#mistakes #item);
        }
    };
    let handler = Handler::from_syn(args, &function, &mut errors);
    check::function(&function, &mut errors);
    check::handler(&handler, &mut errors);
    let beside = if errors.is_empty() {
        emit_handler::handler(&handler, &function)
    } else {
        let mistakes = errors.into_tokens();
        let stub = fallback::handler(&function, &handler.root);
        quote!(#mistakes #stub)
    };
    quote!(#item #beside)
}

// What stands there instead of a function, by its first word: `struct`.
fn name_of(item: &TokenStream) -> Span {
    item.clone()
        .into_iter()
        .find(|token| matches!(token, TokenTree::Ident(word) if word != "pub"))
        .map_or_else(Span::call_site, |word| word.span())
}

// Whether it was meant as one, whatever else is wrong with it.
fn is_function(item: &TokenStream) -> bool {
    item.clone()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"))
}

impl Handler {
    fn from_syn(args: TokenStream, function: &Function, errors: &mut Errors) -> Self {
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
            attempts: None,
            rungs: None,
            timeout: None,
            ordered: false,
            rejects: Vec::new(),
            description: attr::description(&function.attrs),
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
                attr::skip_to_comma(input);
                let _ = input.parse::<Token![,]>();
            }
        }
        let mut options = Options::new("#[event_handler(..)]", OPTIONS).with_texts(
            "patterns come before the options; move this one to the front",
            "a pattern stands in quotes; write ",
        );
        options.read(input, errors, |name, input, errors| {
            self.read_option(name, input, errors)
        });
    }

    fn read_option(&mut self, name: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        match name.unraw().to_string().as_str() {
            "name" => {
                self.name = attr::text(name, input, "name = \"take_payment\"")?;
                self.name_is_given = true;
            }
            "queue" => {
                self.queue = Some(attr::text(name, input, "queue = \"billing\"")?);
                self.queue_option = Some(name.clone());
            }
            "concurrency" => {
                self.concurrency = Some(attr::number(name, input, "concurrency = 64", u16::MAX.into())?);
            }
            "prefetch" => self.prefetch = Some(attr::number(name, input, "prefetch = 256", u16::MAX.into())?),
            "retry" => {
                self.retry = Some(name.clone());
                self.read_retry(name, input, errors)?;
            }
            "timeout" => self.timeout = read_duration(name, input, errors)?,
            "ordered_by" => {
                only(name, input, "aggregate_id", errors)?;
                self.ordered = true;
            }
            "on_dead_letter" => {
                only(name, input, "pause", errors)?;
                self.on_dead_letter = Some(name.clone());
            }
            "single_active" => {
                attr::flag(name, input)?;
                self.single_active = Some(name.clone());
            }
            "ephemeral" => {
                attr::flag(name, input)?;
                self.ephemeral = Some(name.clone());
            }
            "reject_on" => self.rejects = read_rejects(name, input)?,
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
    }

    // retry(attempts = 8, rungs = "1s, 5s, 15s")
    fn read_retry(&mut self, name: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let fault = || {
            syn::Error::new(
                name.span(),
                "`retry` takes options of its own; write retry(attempts = 8, rungs = \"1s, 5s\")",
            )
        };
        if !input.peek(syn::token::Paren) {
            return Err(fault());
        }
        let content;
        syn::parenthesized!(content in input);
        if content.is_empty() {
            return Err(fault());
        }
        Options::new("retry(..)", &["attempts", "rungs"]).read(&content, errors, |name, input, errors| {
            if name == "attempts" {
                self.attempts = Some(attr::number(name, input, "attempts = 8", 1_000)?);
                return Ok(());
            }
            let text = attr::text(name, input, "rungs = \"1s, 5s, 15s\"")?;
            let mut rungs = Vec::new();
            for rung in text
                .value
                .split(',')
                .map(str::trim)
                .filter(|rung| !rung.is_empty())
            {
                match duration::parse(rung) {
                    Ok(rung) => rungs.push(rung),
                    Err(fault) => {
                        errors.at(text.span, fault);
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

fn read_duration(
    name: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Option<(Duration, Span)>> {
    let text = attr::text(name, input, &format!("{name} = \"30s\""))?;
    match duration::parse(&text.value) {
        Ok(duration) => Ok(Some((duration, text.span))),
        Err(fault) => {
            errors.at(text.span, fault);
            Ok(None)
        }
    }
}

// An option with one value is still written out: the attribute then says what it does, and more can come.
fn only(name: &Ident, input: ParseStream<'_>, value: &str, errors: &mut Errors) -> syn::Result<()> {
    let text = attr::text(name, input, &format!("{name} = \"{value}\""))?;
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
    let fault = |span| {
        syn::Error::new(
            span,
            "`reject_on` takes error types; write reject_on(CardDeclined)",
        )
    };
    if !input.peek(syn::token::Paren) {
        return Err(fault(name.span()));
    }
    let content;
    syn::parenthesized!(content in input);
    let paths = Punctuated::<Path, Token![,]>::parse_terminated(&content).map_err(|error| {
        // What is left unread would be one more error.
        let _ = content.parse::<TokenStream>();
        fault(error.span())
    })?;
    if paths.is_empty() {
        return Err(fault(name.span()));
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
