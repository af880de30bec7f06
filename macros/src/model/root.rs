//! The path of the runtime in generated code: `::tidings`, or the value of `crate = path`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};

#[derive(Default)]
pub(crate) struct Root(pub(crate) Option<syn::Path>);

impl Root {
    /// The path with every token at `span`. One token with the span of the macro call would move the caret there.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        match &self.0 {
            None => quote_spanned!(span=> ::tidings),
            Some(path) => respan(path.to_token_stream(), span),
        }
    }

    pub(crate) fn private(&self, span: Span) -> TokenStream {
        let root = self.at(span);
        quote_spanned!(span=> #root::__private)
    }
}

/// Changes the location of the tokens, and keeps their hygiene.
fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token: TokenTree| {
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}
