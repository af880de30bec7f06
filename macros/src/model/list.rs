//! The model of a list: paths with commas between them.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser as _};
use syn::{Path, Token};

use super::options;
use super::root::Root;
use crate::errors::Errors;

#[derive(Default)]
pub(crate) struct List {
    pub(crate) root: Root,
    pub(crate) paths: Vec<Path>,
}

impl List {
    /// Reads the list. Errors show `example` to the user.
    pub(crate) fn from_syn(example: &str, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut list = Self::default();
        let parse = |input: ParseStream<'_>| {
            list.read(example, input, errors);
            Ok(())
        };
        if let Err(error) = parse.parse2(tokens) {
            errors.add(error);
        }
        list
    }

    fn read(&mut self, example: &str, input: ParseStream<'_>, errors: &mut Errors) {
        if input.peek(Token![crate])
            && input.peek2(Token![=])
            && let Err(error) = self.read_root(input)
        {
            errors.add(error);
        }
        while !input.is_empty() {
            let start = input.span();
            match input.parse::<Path>() {
                Ok(path) => self.add(path, errors),
                Err(_) => errors.at(start, format!("expected a path; write {example}")),
            }
            if !input.is_empty() && !input.peek(Token![,]) {
                if input.peek(syn::token::Paren) && errors.is_empty() {
                    errors.at(
                        input.span(),
                        "an entry is a name and not a call; drop the parentheses",
                    );
                } else if errors.is_empty() {
                    errors.at(input.span(), format!("expected `,`; write {example}"));
                }
                options::skip_to_comma(input);
            }
            let _ = input.parse::<Token![,]>();
        }
    }

    // handlers![crate = path; take_payment]
    fn read_root(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        self.root = Root(Some(input.parse()?));
        input.parse::<Token![;]>()?;
        Ok(())
    }

    fn add(&mut self, path: Path, errors: &mut Errors) {
        if let Some(segment) = path.segments.iter().find(|segment| !segment.arguments.is_none()) {
            errors.on(
                &segment.arguments,
                "an entry is a name without arguments: handlers and events are not generic",
            );
        }
        self.paths.push(path);
    }
}
