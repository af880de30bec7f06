//! Compares the public API of the three crates with docs/api, or writes it there with `--write`.
//!
//! It reads the JSON that `cargo xtask api` makes with rustdoc.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use similar::TextDiff;

const CRATES: &[&str] = &["tidings", "tidings_contracts", "tidings_macros"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let is_write = env::args().skip(1).any(|arg| arg == "--write");
    // The binary is in target/debug, the JSON in target/doc.
    let target = env::current_exe()?.with_file_name("..");
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api");
    let mut is_same = true;
    for name in CRATES {
        let api = public_api(&target.join(format!("doc/{name}.json")))?;
        let page = pages.join(format!("{}.txt", name.replace('_', "-")));
        if is_write {
            fs::write(page, api)?;
            continue;
        }
        let committed = fs::read_to_string(&page)?;
        if api != committed {
            is_same = false;
            let diff = TextDiff::from_lines(&committed, &api);
            println!("the public API of `{name}` is not the text in docs/api:\n");
            println!("{}", diff.unified_diff().context_radius(1));
        }
    }
    if is_same {
        return Ok(ExitCode::SUCCESS);
    }
    println!("if every change is intended, run `cargo xtask api --write` and commit docs/api");
    Ok(ExitCode::FAILURE)
}

/// Returns one line for each item. The items behind a `use` replace the `use`.
fn public_api(json: &Path) -> Result<String, Box<dyn Error>> {
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .build()
        .map_err(|error| format!("cannot read {}: {error}", json.display()))?;
    let lines = api.items().map(|item| format!("{item}\n"));
    Ok(lines.filter(|line| !is_noise(line)).collect())
}

/// Whether a line adds nothing: the method of a derived trait, or an auto trait of a type. A type without `Send`,
/// `Sync` or `Unpin` has a line such as `impl !Send`.
fn is_noise(line: &str) -> bool {
    const METHODS: &[&str] = &[
        "::clone(&self) -> ",
        "::eq(&self, &",
        "::fmt(&self, &mut core::fmt::Formatter<'_>) -> ",
        "::hash<__H: ",
    ];
    const EVERY_TYPE: &[&str] = &[
        "impl core::marker::Send for ",
        "impl core::marker::Sync for ",
        "impl core::marker::Unpin for ",
    ];
    const INTERNAL: &[&str] = &[
        "core::marker::Freeze for ",
        "core::marker::StructuralPartialEq for ",
        "core::marker::UnsafeUnpin for ",
        "core::panic::unwind_safe::RefUnwindSafe for ",
        "core::panic::unwind_safe::UnwindSafe for ",
    ];
    let is_method = line.starts_with("pub fn ") && METHODS.iter().any(|method| line.contains(method));
    let is_internal = line.starts_with("impl") && INTERNAL.iter().any(|name| line.contains(name));
    is_method || is_internal || EVERY_TYPE.iter().any(|start| line.starts_with(start))
}
