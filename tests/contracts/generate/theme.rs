//! Reads the themes and the contexts.

use std::collections::BTreeMap;

/// Versions of the type `Inner`, each an edit of the others, and the contexts for them.
pub(crate) struct Theme {
    pub(crate) name: String,
    pub(crate) contexts: Vec<String>,
    pub(crate) versions: Vec<String>,
}

impl Theme {
    /// Reads a theme. Its first line is `// in: <context>, <context>`, and each paragraph is a version.
    pub(crate) fn read(name: &str, text: &str) -> Self {
        let (first, rest) = text.split_once('\n').unwrap_or_default();
        let contexts = first.strip_prefix("// in: ").unwrap_or_else(|| {
            panic!("theme `{name}` names no contexts; start it with `// in: root, field`")
        });
        Self {
            name: name.to_owned(),
            contexts: contexts
                .split(", ")
                .map(|context| context.trim().to_owned())
                .collect(),
            versions: paragraphs(rest),
        }
    }
}

/// Reads the contexts by name. The first line of each paragraph is `// <name>`.
pub(crate) fn contexts(text: &str) -> BTreeMap<String, String> {
    paragraphs(text)
        .into_iter()
        .filter_map(|paragraph| {
            let (first, items) = paragraph.split_once('\n')?;
            Some((first.strip_prefix("// ")?.to_owned(), items.to_owned()))
        })
        .collect()
}

fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty() && !paragraph.starts_with("//!"))
        .map(str::to_owned)
        .collect()
}
