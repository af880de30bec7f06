//! The path of a field, as in `aggregate_id = order.id` and in the `{order.region}` of a routing key.

use proc_macro2::{Ident, Span};
use syn::Member;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

/// A field, or a field of a field.
#[derive(Clone)]
pub(crate) struct FieldPath(pub(crate) Vec<Member>);

impl FieldPath {
    /// The path of a `{field}` in a routing key, with the span of the literal.
    pub(crate) fn from_text(text: &str, span: Span) -> Self {
        Self(
            text.split('.')
                .map(|name| {
                    // In a routing key, a field whose name is a keyword has no `r#`.
                    let plain = syn::parse_str::<Ident>(name);
                    Member::Named(
                        plain.map_or_else(|_| Ident::new_raw(name, span), |_| Ident::new(name, span)),
                    )
                })
                .collect(),
        )
    }

    /// The field of the event, without the fields of that field.
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
