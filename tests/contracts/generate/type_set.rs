//! A type set: one theme in one context, as Rust types.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{File, Ident, Item, parse_quote};

use crate::sample;
use crate::theme::Theme;

pub(crate) struct TypeSet {
    theme: String,
    context: String,
    sources: Vec<String>,
}

/// Returns the type sets of a theme.
pub(crate) fn of(theme: &Theme, contexts: &BTreeMap<String, String>) -> Vec<TypeSet> {
    let type_set = |name: &String| {
        let context = contexts.get(name).unwrap_or_else(|| {
            panic!(
                "theme `{}` names the context `{name}`, which contexts.rs lacks",
                theme.name
            )
        });
        TypeSet {
            theme: theme.name.clone(),
            context: name.clone(),
            sources: theme
                .versions
                .iter()
                .map(|version| source(version, context))
                .collect(),
        }
    };
    theme.contexts.iter().map(type_set).collect()
}

/// Returns the source of a version in its context, for the report of a failure.
fn source(version: &str, context: &str) -> String {
    if !context.contains("FIELDS") {
        return format!("{version}\n{context}");
    }
    let start = version
        .find("struct Inner {")
        .unwrap_or_else(|| panic!("the context needs a struct `Inner` with fields: {version}"));
    let fields = start + "struct Inner {".len();
    let end = fields + closing(&version[fields..]);
    let mut around = version[..start].to_owned();
    around.push_str(version[end + 1..].trim());
    format!(
        "{around}\n{}",
        context.replace("FIELDS", version[fields..end].trim())
    )
    .trim()
    .to_owned()
}

/// Finds the brace that closes the one before `text`.
fn closing(text: &str) -> usize {
    let mut open = 1;
    text.char_indices()
        .find_map(|(index, char)| {
            match char {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            (open == 0).then_some(index)
        })
        .unwrap_or_else(|| panic!("a brace is not closed in {text}"))
}

/// Emits the modules with the types, and the function that lists them.
pub(crate) fn emit(type_sets: &[TypeSet]) -> String {
    let mut code = String::new();
    let mut list = String::new();
    for (number, type_set) in type_sets.iter().enumerate() {
        let TypeSet {
            theme,
            context,
            sources,
        } = type_set;
        let mut subjects = String::new();
        let _ = writeln!(code, "mod f{number} {{");
        for (version, source) in sources.iter().enumerate() {
            let _ = writeln!(
                code,
                "pub mod v{version} {{ use crate::prelude::*;\n{}\n}}",
                types(source)
            );
            let _ = writeln!(
                subjects,
                "Subject::of::<f{number}::v{version}::Event>({source:?}),"
            );
        }
        let _ = writeln!(code, "}}");
        let _ = writeln!(list, "TypeSet::new({theme:?}, {context:?}, vec![{subjects}]),");
    }
    format!("{code}\n/// Every type set.\npub fn type_sets() -> Vec<TypeSet> {{ vec![{list}] }}\n")
}

/// Emits the types with their derives and samples.
fn types(source: &str) -> String {
    let file: File = syn::parse_str(source).unwrap_or_else(|cause| panic!("cannot parse: {cause}\n{source}"));
    let by_hand: Vec<(String, String)> = file.items.iter().filter_map(by_hand).collect();
    let items = file.items.into_iter().map(|item| match item {
        Item::Struct(mut item) => {
            item.vis = parse_quote!(pub);
            let samples = sample::of_struct(&item);
            let derives = derives(&item.ident, &by_hand);
            quote! { #derives #item #samples }
        }
        Item::Enum(mut item) => {
            item.vis = parse_quote!(pub);
            let samples = sample::of_enum(&item);
            let derives = derives(&item.ident, &by_hand);
            quote! { #derives #item #samples }
        }
        Item::Type(mut item) => {
            item.vis = parse_quote!(pub);
            quote! { #item }
        }
        item => item.into_token_stream(),
    });
    items.map(|item| item.to_string()).collect::<Vec<_>>().join("\n")
}

/// Returns the trait and the type of an `impl` in a theme.
fn by_hand(item: &Item) -> Option<(String, String)> {
    let Item::Impl(item) = item else { return None };
    let name = &item.trait_.as_ref()?.0.segments.last()?.ident;
    Some((name.to_string(), item.self_ty.to_token_stream().to_string()))
}

/// Returns the derives of a type without the traits that the theme implements.
fn derives(name: &Ident, by_hand: &[(String, String)]) -> TokenStream {
    let derived = ["Clone", "Serialize", "Deserialize", "JsonSchema"]
        .into_iter()
        .filter(|derived| !by_hand.contains(&((*derived).to_owned(), name.to_string())))
        .map(|derived| format_ident!("{derived}"));
    quote! { #[derive(#(#derived),*)] }
}
