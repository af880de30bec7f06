//! The options of an attribute: in any order, each at most once, with their spans.

use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Expr, ExprLit, Lit, LitInt, LitStr, Meta, Token};

use crate::errors::Errors;
use crate::grammar::nearest::did_you_mean;

/// A string literal and its span.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
}

impl From<LitStr> for Text {
    fn from(literal: LitStr) -> Self {
        Self {
            value: literal.value(),
            span: literal.span(),
        }
    }
}

/// Parses options, and rejects unknown and repeated ones.
pub(crate) struct Options {
    /// The attribute, for error messages: `#[event(..)]`.
    of: &'static str,
    known: &'static [&'static str],
    /// The error for a string literal without the name of an option.
    of_text: &'static str,
    /// The error for words with dots between them; the words follow in quotes.
    of_dotted: &'static str,
    seen: Vec<String>,
}

impl Options {
    pub(crate) fn new(of: &'static str, known: &'static [&'static str]) -> Self {
        Self {
            of,
            known,
            of_text: "a text needs the name of its option before it",
            of_dotted: "a text stands in quotes; write ",
            seen: Vec::new(),
        }
    }

    pub(crate) fn with_texts(self, of_text: &'static str, of_dotted: &'static str) -> Self {
        Self {
            of_text,
            of_dotted,
            ..self
        }
    }

    /// Parses all of `input`. `read` parses the tokens after the name of an option. After an error, parsing continues
    /// after the next comma.
    pub(crate) fn read(
        &mut self,
        input: ParseStream<'_>,
        errors: &mut Errors,
        mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
    ) {
        while !input.is_empty() {
            if let Err(error) = self.read_one(input, errors, &mut read) {
                errors.add(error);
                skip_to_comma(input);
            }
            if input.is_empty() {
                return;
            }
            if let Err(error) = input.parse::<Token![,]>() {
                errors.at(error.span(), "expected `,` before the next option");
                skip_to_comma(input);
                let _ = input.parse::<Token![,]>();
            }
        }
    }

    fn read_one(
        &mut self,
        input: ParseStream<'_>,
        errors: &mut Errors,
        read: &mut impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
    ) -> syn::Result<()> {
        if input.peek(LitStr) {
            return Err(input.error(self.of_text));
        }
        let name = input.call(Ident::parse_any).map_err(|error| {
            let known = self.known.join("`, `");
            syn::Error::new(
                error.span(),
                format!("expected an option of {}: `{known}`", self.of),
            )
        })?;
        let text = name.unraw().to_string();
        if input.peek(Token![.]) {
            let rest = dotted(&text, input);
            return Err(syn::Error::new(
                name.span(),
                format!("{}\"{rest}\"", self.of_dotted),
            ));
        }
        if !self.known.contains(&text.as_str()) {
            let hint = did_you_mean(&text, self.known.iter().copied());
            let hint = if hint.is_empty() {
                format!("; {} has `{}`", self.of, self.known.join("`, `"))
            } else {
                hint
            };
            return Err(syn::Error::new(name.span(), format!("no option `{text}`{hint}")));
        }
        if self.seen.contains(&text) {
            return Err(syn::Error::new(
                name.span(),
                format!("duplicate `{text}`; remove one of the two"),
            ));
        }
        self.seen.push(text);
        read(&name, input, errors)
    }
}

/// The text of `order.created`, which the user wrote without quotes.
fn dotted(first: &str, input: ParseStream<'_>) -> String {
    let fork = input.fork();
    let mut text = first.to_owned();
    while fork.parse::<Token![.]>().is_ok() {
        text.push('.');
        match fork.call(Ident::parse_any) {
            Ok(word) => text.push_str(&word.to_string()),
            Err(_) if fork.parse::<Token![*]>().is_ok() => text.push('*'),
            Err(_) if fork.parse::<Token![#]>().is_ok() => text.push('#'),
            Err(_) => {}
        }
    }
    text
}

/// Skips the rest of an option.
pub(crate) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}

/// Parses `= value`. `what` and `example` tell users in the error what the option takes.
pub(crate) fn value<T: Parse>(
    name: &Ident,
    input: ParseStream<'_>,
    what: &str,
    example: impl Display,
) -> syn::Result<T> {
    let option = name.unraw();
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(
            name.span(),
            format!("`{option}` takes {what}; write {example}"),
        ));
    }
    input.parse::<Token![=]>()?;
    let fork = input.fork();
    let span = if input.is_empty() {
        name.span()
    } else {
        input.span()
    };
    if let Ok(value) = input.parse::<T>()
        // If an option follows without a comma, the caller reports the comma.
        && (input.is_empty() || input.peek(Token![,]) || input.peek(Ident::peek_any))
    {
        return Ok(value);
    }
    let message = match fork.parse::<LitStr>() {
        // The value may be right without its quotes.
        Ok(text) if text.parse::<T>().is_ok() => {
            format!(
                "`{option}` takes {what}, without quotes; write {option} = {}",
                text.value()
            )
        }
        _ => format!("`{option}` takes {what}; write {example}"),
    };
    Err(syn::Error::new(span, message))
}

/// Parses `= "text"`.
pub(crate) fn text(name: &Ident, input: ParseStream<'_>, example: &str) -> syn::Result<Text> {
    value::<LitStr>(name, input, "a text in quotes", example).map(Text::from)
}

/// Parses `= number`, from 1 to `max`.
pub(crate) fn number(name: &Ident, input: ParseStream<'_>, example: &str, max: u32) -> syn::Result<u32> {
    let literal: LitInt = value(name, input, "a number", example)?;
    match literal.base10_parse::<u32>() {
        Ok(number) if (1..=max).contains(&number) && literal.suffix().is_empty() => Ok(number),
        _ => Err(syn::Error::new(
            literal.span(),
            format!("`{}` is a number from 1 to {max}; write {example}", name.unraw()),
        )),
    }
}

/// Parses a flag: a name without a value.
pub(crate) fn flag(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    let name_text = name.unraw();
    Err(syn::Error::new(
        name.span(),
        format!("`{name_text}` takes no value; write `{name_text}` alone, or leave it out"),
    ))
}

/// The doc comment as one text.
pub(crate) fn description(attrs: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("doc"))
        .filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) => text_of(&pair.value),
            _ => None,
        })
        .collect();
    let text = lines
        .iter()
        .flat_map(|block| block.split('\n'))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect::<Vec<_>>()
        .join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The note of `#[deprecated]`, empty when it has none.
// #[deprecated]  #[deprecated = "note"]  #[deprecated(since = "1.2", note = "note")]
pub(crate) fn deprecated(attrs: &[Attribute]) -> Option<String> {
    let attr = attrs.iter().find(|attr| attr.path().is_ident("deprecated"))?;
    let mut note = None;
    match &attr.meta {
        Meta::Path(_) => {}
        Meta::NameValue(pair) => note = text_of(&pair.value),
        // rustc reports malformed arguments.
        Meta::List(_) => {
            let _ = attr.parse_nested_meta(|meta| {
                let value = text_of(&meta.value()?.parse()?);
                if meta.path.is_ident("note") {
                    note = value;
                }
                Ok(())
            });
        }
    }
    Some(note.unwrap_or_default())
}

/// The `cfg` attributes of an item, which generated code must repeat.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<&Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect()
}

fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) => Some(text.value()),
        _ => None,
    }
}
