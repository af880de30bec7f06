//! Generates the types: every theme (a file with edits of one idea) in every context that its first line names.
//!
//! Each paragraph of a theme is one version of the type `Inner`. A context is Rust code around `Inner`; its type
//! `Event` is written and read. `FIELDS` in a context stands for the fields of the struct `Inner`.

mod sample;
mod theme;
mod type_set;

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::theme::Theme;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names the folder to write to"));
    println!("cargo::rerun-if-changed=themes");
    println!("cargo::rerun-if-changed=contexts.rs");
    let contexts = theme::contexts(&text(&root.join("contexts.rs")));
    let mut files: Vec<PathBuf> = fs::read_dir(root.join("themes"))
        .expect("the folder `themes` can be read")
        .map(|entry| entry.expect("the entry of a theme can be read").path())
        .collect();
    files.sort();
    let themes = files.iter().map(|file| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        Theme::read(&name, &text(file))
    });
    let type_sets: Vec<_> = themes.flat_map(|theme| type_set::of(&theme, &contexts)).collect();
    fs::write(out.join("type_sets.rs"), type_set::emit(&type_sets)).expect("the types can be written");
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|cause| panic!("cannot read {}: {cause}", file.display()))
}
