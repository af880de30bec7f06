//! Where generated code finds the runtime: `::tidings`, or what `crate = path` names.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};

/// The runtime's path.
#[derive(Default)]
pub(crate) struct Root(pub(crate) Option<syn::Path>);

impl Root {
    /// The path with its tokens at `span`: one token left at the macro's call would draw the caret there.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        match &self.0 {
            None => quote_spanned!(span=> ::tidings),
            Some(path) => respan(path.to_token_stream(), span),
        }
    }

    /// `__private` in it.
    pub(crate) fn private(&self, span: Span) -> TokenStream {
        let root = self.at(span);
        quote_spanned!(span=> #root::__private)
    }
}

// Only the place changes; a name keeps what it means.
fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token: TokenTree| {
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}
