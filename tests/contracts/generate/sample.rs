//! Emits `impl Sample`: combinations of the samples of each field, as `plans` chooses them.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Fields, GenericParam, Generics, Ident, ItemEnum, ItemStruct, parse_quote};

pub(crate) fn of_struct(item: &ItemStruct) -> TokenStream {
    let values = values(&quote!(Self), &item.fields);
    implement(&item.ident, &item.generics, &values)
}

/// An enum has all samples of each of its variants.
pub(crate) fn of_enum(item: &ItemEnum) -> TokenStream {
    let variants = item.variants.iter().map(|variant| {
        let name = &variant.ident;
        values(&quote!(Self::#name), &variant.fields)
    });
    implement(&item.ident, &item.generics, &quote! { #(#variants)* })
}

fn implement(name: &Ident, generics: &Generics, values: &TokenStream) -> TokenStream {
    let mut bounded = generics.clone();
    for param in &mut bounded.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(parse_quote!(Sample));
        }
    }
    let (generics, _, bounds) = bounded.split_for_impl();
    let (_, names, _) = bounded.split_for_impl();
    quote! {
        impl #generics Sample for #name #names #bounds {
            fn samples(depth: usize) -> Vec<Self> {
                let mut all = Vec::new();
                #values
                all
            }
        }
    }
}

/// Emits code that pushes the values of one struct or variant.
fn values(path: &TokenStream, fields: &Fields) -> TokenStream {
    let lists: Vec<Ident> = (0..fields.len())
        .map(|index| format_ident!("list{index}"))
        .collect();
    let types = fields.iter().map(|field| &field.ty);
    let picked = lists
        .iter()
        .enumerate()
        .map(|(index, list)| quote! { #list[plan[#index]].clone() });
    let value = match fields {
        Fields::Named(fields) => {
            let names = fields.named.iter().map(|field| &field.ident);
            quote! { #path { #(#names: #picked),* } }
        }
        Fields::Unnamed(_) => quote! { #path(#(#picked),*) },
        Fields::Unit => quote! { #path },
    };
    quote! {{
        #(let #lists = <#types as Sample>::samples(depth);)*
        for plan in plans(&[#(#lists.len()),*]) {
            all.push(#value);
        }
    }}
}
