//! Finds the most similar name, to tell a renamed field from an added and a removed one.

use strsim::levenshtein;

pub(crate) fn to<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.min_by_key(|other| (levenshtein(name, other), *other))
}
