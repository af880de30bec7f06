//! The broker of a run: a private node of the version asked for.

use std::fs;
use std::path::PathBuf;

use tidings_broker::{Install, Node, Setup, Version};

/// Starts a node of `version`, or of the installed one.
pub(crate) fn start(version: Option<&Version>) -> Result<(Node, String), String> {
    let install = find(version)?;
    let node = Setup::new(&install)
        // What a queue holds is no reason to stop its publishers here.
        .conf("vm_memory_high_watermark.absolute = 4GB")
        .conf("disk_free_limit.absolute = 1GB")
        .start()
        .map_err(|error| format!("{error:?}"))?;
    Ok((node, install.version.to_string()))
}

fn find(version: Option<&Version>) -> Result<Install, String> {
    let installed = Install::on_this_machine().map_err(|error| format!("{error:?}"))?;
    let Some(version) = version else {
        return installed.ok_or_else(|| missing("broker install"));
    };
    installed
        .into_iter()
        .chain(unpacked())
        .find(|install| version.covers(&install.version))
        .ok_or_else(|| missing(&format!("broker install {version}")))
}

/// Those that `cargo xtask broker install` has unpacked.
fn unpacked() -> Vec<Install> {
    let under = |name: &str, more: &str| std::env::var_os(name).map(|value| PathBuf::from(value).join(more));
    let cache = under("XDG_CACHE_HOME", "tidings").or_else(|| under("HOME", ".cache/tidings"));
    cache
        .and_then(|cache| fs::read_dir(cache).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Install::in_root(&entry.ok()?.path()))
        .collect()
}

fn missing(command: &str) -> String {
    format!("this RabbitMQ is not here; get it by `cargo xtask {command}`")
}
