//! The modules of one crate, as its files declare them: types, re-exports and the paths that name other modules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path of names, from the root of the crate.
pub(crate) type Names = Vec<String>;

/// The modules of one crate, without tests.
#[derive(Debug, Default)]
pub(crate) struct Source {
    modules: BTreeMap<Names, Module>,
}

/// One module, in a file of its own or between braces.
#[derive(Debug, Default)]
struct Module {
    /// The module that the file belongs to.
    file: Names,
    children: BTreeSet<String>,
    /// Structs, enums, unions, traits and type aliases.
    types: Vec<String>,
    uses: Vec<Use>,
    /// Every other path that starts at a module.
    paths: Vec<Names>,
}

/// One name that a `use` brings in, with the path it stands for. The name of a glob is `*`.
#[derive(Debug)]
struct Use {
    name: String,
    path: Names,
    is_public: bool,
}

/// One file's use of a name that another file owns.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) from: Names,
    pub(crate) to: Names,
    pub(crate) name: String,
    /// The code imports the name from the crate root, but another file declares it.
    pub(crate) through_root: bool,
}

impl Source {
    /// Reads a crate from its root file, for example `runtime/src/lib.rs`.
    ///
    /// # Errors
    /// When a file is missing or is not Rust.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut source = Self::default();
        source.read_file(root, &root.with_file_name(""), &[])?;
        Ok(source)
    }

    /// Parses a crate in which every module counts as a file.
    #[cfg(test)]
    pub(crate) fn parse(text: &str) -> Self {
        let mut source = Self::default();
        let tokens = text.parse().expect("the code is Rust");
        source
            .read_module(tokens, Path::new(""), &[], &[])
            .expect("no module has a file");
        for (name, module) in &mut source.modules {
            module.file.clone_from(name);
        }
        source
    }

    fn read_file(&mut self, file: &Path, folder: &Path, module: &[String]) -> io::Result<()> {
        let text = fs::read_to_string(file).map_err(|error| at(file, &error))?;
        let tokens: TokenStream = text.parse().map_err(|error| {
            at(
                file,
                &io::Error::new(io::ErrorKind::InvalidData, format!("{error}")),
            )
        })?;
        self.read_module(tokens, folder, module, module)
    }

    /// Reads the file of `mod name;`, at the path of its attribute if it has one.
    fn read_child(&mut self, folder: &Path, path: Option<String>, module: &[String]) -> io::Result<()> {
        let name = module.last().map(String::as_str).unwrap_or_default();
        let nested = folder.join(name);
        let flat = folder.join(format!("{name}.rs"));
        match path.map(|path| folder.join(path)) {
            Some(path) => self.read_file(&path, &path.with_file_name(""), module),
            None if flat.exists() => self.read_file(&flat, &nested, module),
            None => self.read_file(&nested.join("mod.rs"), &nested, module),
        }
    }

    /// `folder` is where the files of the module's children are.
    fn read_module(
        &mut self,
        tokens: TokenStream,
        folder: &Path,
        module: &[String],
        file: &[String],
    ) -> io::Result<()> {
        let mut read = Module {
            file: file.to_vec(),
            ..Module::default()
        };
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut is_public = false;
        let mut path_attribute = None;
        while let Some((token, after)) = rest.split_first() {
            // An inner attribute, such as a `//!` comment.
            if let [
                TokenTree::Punct(hash),
                TokenTree::Punct(bang),
                TokenTree::Group(_),
                after @ ..,
            ] = rest
                && hash.as_char() == '#'
                && bang.as_char() == '!'
            {
                rest = after;
                continue;
            }
            if let [TokenTree::Punct(hash), TokenTree::Group(attribute), after @ ..] = rest
                && hash.as_char() == '#'
            {
                let text = attribute.stream().to_string();
                if is_test(&text) {
                    rest = skip_item(after);
                } else {
                    if let Some(path) = text.strip_prefix("path = \"") {
                        path_attribute = Some(path.trim_end_matches('"').to_owned());
                    }
                    read.scan(attribute.stream());
                    rest = after;
                }
                continue;
            }
            match (ident(token).as_deref(), after) {
                (Some("pub"), _) => {
                    is_public = true;
                    rest = match after {
                        [TokenTree::Group(group), after @ ..]
                            if group.delimiter() == Delimiter::Parenthesis =>
                        {
                            after
                        }
                        _ => after,
                    };
                    continue;
                }
                (Some("mod"), [name, body, after @ ..]) => {
                    let name = name.to_string();
                    let child: Names = module.iter().cloned().chain([name.clone()]).collect();
                    read.children.insert(name.clone());
                    if let TokenTree::Group(body) = body {
                        self.read_module(body.stream(), &folder.join(&name), &child, file)?;
                    } else {
                        self.read_child(folder, path_attribute.take(), &child)?;
                    }
                    rest = after;
                }
                (Some("use"), _) => {
                    let end = after.iter().position(is_semicolon).unwrap_or(after.len());
                    read.read_use(&after[..end], &mut Vec::new(), is_public);
                    rest = &after[(end + 1).min(after.len())..];
                }
                (Some("struct" | "enum" | "union" | "trait" | "type"), [TokenTree::Ident(name), ..]) => {
                    read.types.push(name.to_string());
                    // The rest of the item may name other modules.
                    let end = item_end(after);
                    read.scan(after[..end].iter().cloned().collect());
                    rest = &after[end..];
                }
                _ => {
                    let end = item_end(rest);
                    read.scan(rest[..end].iter().cloned().collect());
                    rest = &rest[end..];
                }
            }
            is_public = false;
            path_attribute = None;
        }
        self.modules.insert(module.to_vec(), read);
        Ok(())
    }

    /// The modules that have a file.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Names> {
        self.modules
            .iter()
            .filter(|(name, module)| module.file == **name)
            .map(|(name, _)| name)
    }

    /// The types, each with the files that declare one of that name.
    pub(crate) fn types(&self) -> BTreeMap<&str, BTreeSet<&Names>> {
        let mut types = BTreeMap::<_, BTreeSet<_>>::new();
        for module in self.modules.values() {
            for name in &module.types {
                types.entry(name.as_str()).or_default().insert(&module.file);
            }
        }
        types
    }

    /// Every import of a name that another file of the crate owns.
    pub(crate) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (name, module) in &self.modules {
            // The crate root only re-exports names.
            if name.is_empty() {
                continue;
            }
            let private = module.uses.iter().filter(|used| !self.is_reexport(name, used));
            let paths = private.map(|used| &used.path).chain(&module.paths);
            for path in paths {
                let Some(path) = self.absolute(name, path) else {
                    continue;
                };
                let (owner, item) = self.owner(&path, 0);
                let Some(item) = item else {
                    continue;
                };
                let to = &self.modules[&owner].file;
                let through_root = path.len() == 1 && !to.is_empty();
                if *to != module.file && !to.is_empty() {
                    imports.insert(Import {
                        from: module.file.clone(),
                        to: to.clone(),
                        name: item,
                        through_root,
                    });
                }
            }
        }
        imports
    }

    // A parent that re-exports a name of its child does not use the name.
    fn is_reexport(&self, module: &Names, used: &Use) -> bool {
        used.is_public
            && self
                .absolute(module, &used.path)
                .is_some_and(|path| path.starts_with(module) && path.len() > module.len() + 1)
    }

    /// The path from the crate root, or `None` for a path to another crate.
    fn absolute(&self, module: &Names, path: &[String]) -> Option<Names> {
        self.absolute_within(module, path, 0)
    }

    fn absolute_within(&self, module: &Names, path: &[String], depth: usize) -> Option<Names> {
        let (first, mut rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            name => {
                let here = &self.modules[module];
                if here.children.contains(name) {
                    rest = path;
                    module.clone()
                } else {
                    let used = here
                        .uses
                        .iter()
                        .find(|used| used.name == name && used.path != path)?;
                    if depth > 8 {
                        return None;
                    }
                    let path = self.absolute_within(module, &used.path, depth + 1)?;
                    // The path continues from an imported type, not from a module.
                    if !self.modules.contains_key(&path) {
                        return None;
                    }
                    path
                }
            }
        };
        while let Some((first, after)) = rest.split_first()
            && first == "super"
        {
            base.pop()?;
            rest = after;
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The module that declares the item of a path, and the item's name. The name is `None` for a path to a module.
    fn owner(&self, path: &[String], depth: usize) -> (Names, Option<String>) {
        let modules = (0..=path.len()).rev().map(|length| path.split_at(length));
        let (module, rest) = modules
            .into_iter()
            .find(|(module, _)| self.modules.contains_key(*module))
            .expect("the root is a module");
        let Some(name) = rest.first() else {
            return (module.to_vec(), None);
        };
        if depth < 8 {
            let here = &self.modules[module];
            let globs = here.uses.iter().filter(|used| used.is_public && used.name == "*");
            let named = here
                .uses
                .iter()
                .filter(|used| used.name == *name && used.is_public);
            for used in named {
                if let Some(mut path) = self.absolute(&module.to_vec(), &used.path) {
                    path.extend(rest[1..].iter().cloned());
                    return self.owner(&path, depth + 1);
                }
            }
            for used in globs {
                if let Some(mut path) = self.absolute(&module.to_vec(), &used.path) {
                    path.pop();
                    if self
                        .modules
                        .get(&path)
                        .is_some_and(|module| module.types.contains(name))
                    {
                        return (path, Some(name.clone()));
                    }
                }
            }
        }
        (module.to_vec(), Some(name.clone()))
    }
}

impl Module {
    /// Collects the paths of any code, also of a `use` inside a function.
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut after_colons = false;
        while let Some((token, after)) = rest.split_first() {
            if let [TokenTree::Punct(hash), TokenTree::Group(attribute), after @ ..] = rest
                && hash.as_char() == '#'
                && is_test(&attribute.stream().to_string())
            {
                rest = skip_item(after);
                continue;
            }
            rest = after;
            match token {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Ident(name) if *name == "use" => {
                    let end = after.iter().position(is_semicolon).unwrap_or(after.len());
                    self.read_use(&after[..end], &mut Vec::new(), false);
                    rest = &after[end..];
                }
                TokenTree::Ident(name) if !after_colons && is_colons(after) => {
                    let mut path = vec![name.to_string()];
                    while let [_, _, TokenTree::Ident(name), after @ ..] = rest
                        && is_colons(rest)
                    {
                        path.push(name.to_string());
                        rest = after;
                    }
                    self.paths.push(path);
                }
                // `::name` is a path to another crate.
                _ => {}
            }
            after_colons =
                matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':') && !is_colons(rest);
        }
    }

    fn read_use(&mut self, tokens: &[TokenTree], prefix: &mut Names, is_public: bool) {
        let mut path = prefix.clone();
        let mut rest = tokens;
        let mut name = None;
        // `use ::name` names another crate.
        if is_colons(rest) {
            return;
        }
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            match token {
                TokenTree::Ident(ident) if *ident == "as" => {
                    name = after.first().map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let items: Vec<TokenTree> = group.stream().into_iter().collect();
                    for item in items.split(is_comma).filter(|item| !item.is_empty()) {
                        self.read_use(item, &mut path, is_public);
                    }
                    return;
                }
                _ => {}
            }
        }
        // `use a::{self}` is `use a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        self.uses.push(Use {
            name,
            path,
            is_public,
        });
    }
}

fn ident(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_semicolon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';')
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(first), TokenTree::Punct(second), ..]
        if first.as_char() == ':' && second.as_char() == ':')
}

/// Whether an attribute makes its item a part of the tests: `cfg(test)`, `cfg(all(test, ..))`, `test`.
fn is_test(attribute: &str) -> bool {
    let attribute: String = attribute.split_whitespace().collect();
    attribute == "test" || attribute == "cfg(test)" || attribute.starts_with("cfg(all(test,")
}

/// The end of the first item: after its semicolon or its body.
fn item_end(tokens: &[TokenTree]) -> usize {
    let end = tokens.iter().position(|token| {
        is_semicolon(token)
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    });
    end.map_or(tokens.len(), |end| end + 1)
}

fn skip_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let is_use = tokens
        .iter()
        .take(4)
        .any(|token| ident(token).is_some_and(|name| name == "use"));
    let end = if is_use {
        tokens
            .iter()
            .position(is_semicolon)
            .map_or(tokens.len(), |end| end + 1)
    } else {
        item_end(tokens)
    };
    &tokens[end..]
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
}
