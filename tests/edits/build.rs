//! Generates a module with the shop's events before and after each edit.
//!
//! One crate compiles all of them. A copy of the shop for each of about fifty edits would take an hour.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const EVENTS: &str = "../../examples/shop/src/events.rs";
const PATCHES: &str = "patches";

/// An edit: its name, and the events before and after it.
struct Edit {
    name: String,
    patch: String,
    old: String,
    new: String,
}

fn main() {
    for path in ["build.rs", EVENTS, PATCHES] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let events = fs::read_to_string(EVENTS).expect("the events of the shop can be read");
    let shop =
        fs::read_to_string(Path::new(PATCHES).join("shop.before.patch")).expect("the patch can be read");
    let events = apply(&events, &shop, "shop.before");
    let mut modules = Modules {
        out: &out,
        code: String::new(),
        names: BTreeMap::new(),
    };
    let mut table = String::new();
    for edit in edits(&events) {
        let (old, new) = (modules.add(&edit.old), modules.add(&edit.new));
        let Edit { name, patch, .. } = edit;
        let _ = writeln!(
            table,
            "Edit {{ name: {name:?}, patch: {patch:?}, old: {old}, new: {new} }},"
        );
    }
    let code = format!(
        "{}\n/// Every edit.\npub const EDITS: &[Edit] = &[\n{table}];\n",
        modules.code
    );
    fs::write(out.join("edits.rs"), code).expect("the folder can be written");
}

fn edits(events: &str) -> Vec<Edit> {
    let folder = fs::read_dir(PATCHES).expect("the folder can be read");
    let files = folder.map(|entry| entry.expect("the entry can be read").path());
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.file_name()?.to_str()?.strip_suffix(".patch")?.to_owned()))
        .filter(|name| !name.ends_with(".before"))
        .collect();
    names.sort();
    let edit = |name: String| {
        let before = Path::new(PATCHES).join(format!("{name}.before.patch"));
        let old = match fs::read_to_string(&before) {
            Ok(patch) => apply(events, &patch, &name),
            Err(_) => events.to_owned(),
        };
        let patch = fs::read_to_string(Path::new(PATCHES).join(format!("{name}.patch")))
            .expect("the patch can be read");
        let new = apply(&old, &patch, &name);
        Edit {
            name,
            patch,
            old,
            new,
        }
    };
    names.into_iter().map(edit).collect()
}

fn apply(text: &str, patch: &str, name: &str) -> String {
    let start = patch
        .find("--- a/")
        .unwrap_or_else(|| panic!("`{name}` contains no patch"));
    let patch = diffy::Patch::from_str(&patch[start..]).unwrap_or_else(|error| panic!("`{name}`: {error}"));
    diffy::apply(text, &patch)
        .unwrap_or_else(|error| panic!("cannot apply `{name}` to the shop's events: {error}"))
}

/// The generated modules without duplicates: many edits start from the same events.
struct Modules<'a> {
    out: &'a Path,
    code: String,
    names: BTreeMap<String, String>,
}

impl Modules<'_> {
    /// Adds a module for these events, and returns the path of its list of events.
    fn add(&mut self, events: &str) -> String {
        if let Some(name) = self.names.get(events) {
            return format!("{name}::EVENTS");
        }
        let name = format!("events_{}", self.names.len());
        let list = types(events)
            .map(|it| format!("tidings::EventDescriptor::of::<{it}>()"))
            .collect::<Vec<_>>();
        let text = format!(
            "{events}\n/// Every event of this file.\npub const EVENTS: &[tidings::EventDescriptor] = &[{}];\n",
            list.join(", ")
        );
        let file = self.out.join(format!("{name}.rs"));
        fs::write(&file, text).expect("the folder can be written");
        let path = file.to_str().expect("a path that can be written into code");
        let _ = writeln!(self.code, "#[path = {path:?}]\npub mod {name};");
        self.names.insert(events.to_owned(), name.clone());
        format!("{name}::EVENTS")
    }
}

/// Returns the names of the event structs.
fn types(events: &str) -> impl Iterator<Item = &str> {
    events.split("#[event(").skip(1).filter_map(|rest| {
        let (_, after) = rest.split_once("pub struct ")?;
        after.split([' ', '{', '(', '<']).next()
    })
}
