//! Finds the other names of variants, and enums that accept unknown variants.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::contract::pointer::escaped;
use crate::export::introspect::explore::{Explorer, RunResult};
use crate::export::introspect::walk::{Alone, Plan, Rename, list};
use crate::keyword;

/// A value that the enum of a reader accepts beyond its schema.
#[derive(Debug)]
pub(crate) enum VariantFact {
    /// Any variant. Holds the pointer of the enum.
    Other(String),
    /// One more text. Holds the pointer of the list, and the text.
    Text(String, String),
    /// A branch under another name. Holds the pointer of the list, the index of the branch, its form, and the name.
    Branch(String, usize, VariantForm, String),
}

impl VariantFact {
    pub(crate) fn write(self, reader: &mut Value) {
        match self {
            Self::Other(at) => {
                if let Some(Value::Object(schema)) = reader.pointer_mut(&at) {
                    schema.insert(keyword::OTHER.to_owned(), json!(true));
                }
            }
            Self::Text(at, text) => push(reader, &at, text.into()),
            // Copy the branch only now, so that the copy has everything that was added before.
            Self::Branch(list, branch, form, name) => {
                match form.renamed(reader, &format!("{list}/{branch}"), &name) {
                    Some(copy) => push(reader, &list, copy),
                    None => push(reader, &format!("{list}/{branch}/enum"), name.into()),
                }
            }
        }
    }
}

fn push(reader: &mut Value, at: &str, value: Value) {
    if let Some(Value::Array(list)) = reader.pointer_mut(at)
        && !list.contains(&value)
    {
        list.push(value);
    }
}

/// No real variant has this name.
const UNKNOWN: &str = "tidings-unknown-variant";

/// The place of the variant's name in a branch.
#[derive(Debug, Clone)]
pub(crate) enum VariantForm {
    /// The value is the name, `"Cancelled"`: one of these texts.
    Texts(Vec<String>),
    /// The only property has the name: the property's pointer, and the name.
    Property(String, String),
    /// The tag has the name as its value: the tag's pointer, and the name.
    Tag(String, String),
}

/// Finds these facts at every enum that the explorer has seen.
pub(crate) fn find(explorer: &mut Explorer<'_>, candidates: &BTreeSet<String>) -> Vec<VariantFact> {
    let mut found = Vec::new();
    for (at, branches) in explorer.discovered.nodes.clone() {
        let Some(node) = explorer.node(&at) else { continue };
        if let Some(texts) = list(node, "enum").and_then(|list| texts(list)) {
            if !in_a_list(&at) {
                of_texts(explorer, &at, &branches, &texts, &mut found);
            }
        } else if let Some(count) = list(node, "oneOf").map(Vec::len) {
            let forms: Option<Vec<VariantForm>> = (0..count)
                .map(|branch| form(explorer, &format!("{at}/oneOf/{branch}")))
                .collect();
            if let Some(forms) = forms {
                of_branches(explorer, &at, &branches, &forms, candidates, &mut found);
            }
        }
    }
    found
}

fn in_a_list(pointer: &str) -> bool {
    pointer
        .rsplit_once('/')
        .is_some_and(|(list, index)| list.ends_with("/oneOf") && index.parse::<usize>().is_ok())
}

fn texts(list: &[Value]) -> Option<Vec<String>> {
    list.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn form(explorer: &mut Explorer<'_>, branch: &str) -> Option<VariantForm> {
    let schemas = explorer.resolved(branch);
    let mut required = BTreeSet::new();
    let mut properties = BTreeMap::new();
    for part in &schemas {
        let Some(node) = explorer.node(part) else { continue };
        if let Some(Value::String(text)) = node.get("const") {
            return Some(VariantForm::Texts(vec![text.clone()]));
        }
        if let Some(list) = list(node, "enum") {
            return texts(list).map(VariantForm::Texts);
        }
        required.extend(
            list(node, "required")
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        );
        let Some(Value::Object(own)) = node.get("properties") else {
            continue;
        };
        let own = own.iter().map(|(name, schema)| {
            (
                name.as_str(),
                (format!("{part}/properties/{}", escaped(name)), schema),
            )
        });
        properties.extend(own);
    }
    let tag = properties.iter().find_map(|(name, (pointer, schema))| {
        let text = schema.get("const")?.as_str()?;
        required
            .contains(name)
            .then(|| VariantForm::Tag(pointer.clone(), text.to_owned()))
    });
    let only = || match properties.iter().next() {
        Some((name, (pointer, _))) if properties.len() == 1 && required.contains(name) => {
            Some(VariantForm::Property(pointer.clone(), (*name).to_owned()))
        }
        _ => None,
    };
    tag.or_else(only)
}

fn of_texts(
    explorer: &mut Explorer<'_>,
    at: &str,
    branches: &BTreeMap<String, usize>,
    texts: &[String],
    found: &mut Vec<VariantFact>,
) {
    let fed = |text: &str| Plan {
        branches: branches.clone(),
        text: Some((at.to_owned(), text.to_owned())),
        ..Plan::default()
    };
    let (takes_any, outcome) = explorer.takes(&fed(UNKNOWN), &[at]);
    if takes_any {
        found.push(VariantFact::Other(at.to_owned()));
        return;
    }
    for name in unlisted_names(explorer, &outcome, &[at], texts) {
        if explorer.takes(&fed(&name), &[at]).0 {
            found.push(VariantFact::Text(format!("{at}/enum"), name));
        }
    }
}

fn of_branches(
    explorer: &mut Explorer<'_>,
    at: &str,
    branches: &BTreeMap<String, usize>,
    forms: &[VariantForm],
    candidates: &BTreeSet<String>,
    found: &mut Vec<VariantFact>,
) {
    let list = format!("{at}/oneOf");
    let by_branch = |branch: usize| {
        let mut branches = branches.clone();
        branches.insert(list.clone(), branch);
        branches
    };
    // Feed the unknown name in the first tag, or instead of the whole value.
    let location = match forms.first() {
        Some(VariantForm::Tag(tag, _)) => tag.clone(),
        Some(_) => at.to_owned(),
        None => return,
    };
    let fed = |branch: usize, location: &str, text: &str| Plan {
        branches: by_branch(branch),
        text: Some((location.to_owned(), text.to_owned())),
        ..Plan::default()
    };
    let unknown = fed(0, &location, UNKNOWN);
    let (takes_any, outcome) = explorer.takes(&unknown, &[at, &location]);
    // Only an internally tagged `other` variant accepts a payload, so try the name without one.
    let bare = Plan {
        alone: Some(Alone {
            property: location.clone(),
            among: format!("{list}/0/"),
        }),
        ..unknown
    };
    if takes_any || explorer.takes(&bare, &[at, &location]).0 {
        found.push(VariantFact::Other(at.to_owned()));
        return;
    }
    let known: Vec<String> = forms.iter().flat_map(VariantForm::names).collect();
    let mut names = unlisted_names(explorer, &outcome, &[at, &location], &known);
    // serde does not list the variants of a flattened enum: try likely names.
    if names.is_empty() && forms.iter().all(|form| matches!(form, VariantForm::Property(..))) {
        names = candidates
            .iter()
            .filter(|name| !known.contains(name))
            .cloned()
            .collect();
    }
    for name in names {
        for (branch, form) in forms.iter().enumerate() {
            let plan = match form {
                VariantForm::Texts(_) => fed(branch, at, &name),
                VariantForm::Tag(tag, _) => fed(branch, tag, &name),
                VariantForm::Property(property, _) => Plan {
                    branches: by_branch(branch),
                    rename: Some(Rename {
                        property: property.clone(),
                        names: vec![name.clone()],
                        keep_original: false,
                    }),
                    ..Plan::default()
                },
            };
            if explorer.takes(&plan, &[at, &location]).0 {
                found.push(VariantFact::Branch(
                    list.clone(),
                    branch,
                    form.clone(),
                    name.clone(),
                ));
            }
        }
    }
}

/// Returns the names that the enum requests and its schema lacks.
fn unlisted_names(
    explorer: &Explorer<'_>,
    outcome: &RunResult,
    at: &[&str],
    known: &[String],
) -> Vec<String> {
    let requested = at.iter().find_map(|at| explorer.variants.get(*at));
    let mut names: Vec<String> = match (requested, &outcome.result) {
        (Some(names), _) => names.iter().map(|&name| name.to_owned()).collect(),
        (None, Err(error)) => expected(&error.to_string()),
        (None, Ok(())) => Vec::new(),
    };
    names.retain(|name| !known.contains(name));
    names
}

/// Reads the names out of serde's message: unknown variant `x`, expected `a` or `b`; expected one of `a`, `b`, `c`.
fn expected(error: &str) -> Vec<String> {
    let names = error
        .strip_prefix("unknown variant `")
        .and_then(|rest| rest.strip_prefix(UNKNOWN)?.strip_prefix("`, expected "));
    names
        .map(|names| names.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        .unwrap_or_default()
}

impl VariantForm {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Texts(texts) => texts.clone(),
            Self::Property(_, name) | Self::Tag(_, name) => vec![name.clone()],
        }
    }

    /// Copies the branch at `at` under another name; `None` when the branch is a list of texts.
    fn renamed(&self, reader: &Value, at: &str, name: &str) -> Option<Value> {
        let mut copy = reader.pointer(at)?.clone();
        match self {
            Self::Texts(_) if copy.get("enum").is_some() => return None,
            Self::Texts(_) => copy["const"] = json!(name),
            Self::Tag(tag, _) => *copy.pointer_mut(tag.strip_prefix(at)?)?.get_mut("const")? = json!(name),
            Self::Property(property, old) => {
                let holder = property.strip_prefix(at)?.rsplit_once("/properties/")?.0;
                let holder = copy.pointer_mut(holder)?.as_object_mut()?;
                let payload = holder.get_mut("properties")?.as_object_mut()?.remove(old)?;
                holder["properties"][name] = payload;
                holder.insert("required".to_owned(), json!([name]));
            }
        }
        Some(copy)
    }
}
