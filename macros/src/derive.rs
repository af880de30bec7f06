//! `#[derive(DomainEvent)]`: read, check, write.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::check;
use crate::emit;
use crate::errors::Errors;
use crate::model::Model;
use crate::model::event_options::EventOptions;

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item = match syn::parse2::<DeriveInput>(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    check::event::no_generics(&item, &mut errors);
    let model = Model::from_syn(&item, &mut errors);
    if let Some(Model::Event(event)) = &model {
        check::event::event(event, &mut errors);
    }
    match model {
        Some(Model::Event(event)) if errors.is_empty() => emit::event::event(&event),
        Some(Model::Family(family)) if errors.is_empty() => emit::family::family(&family),
        _ => {
            // The errors of the attribute are in `errors` already.
            let root = EventOptions::from_syn(&item.attrs, &mut Errors::default()).root;
            let stub = emit::stub::event(&item, &root);
            let errors = errors.into_tokens();
            quote!(#errors #stub)
        }
    }
}
