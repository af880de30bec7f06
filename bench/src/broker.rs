//! The private RabbitMQ node of a run.

use std::fs;
use std::path::PathBuf;

use tidings_broker::{Install, Node, Setup, Version};

/// Starts a node of `version`, or of the installed version.
pub(crate) fn start(version: Option<&Version>) -> Result<(Node, String), String> {
    let install = find(version)?;
    let node = Setup::new(&install)
        // A full queue must not raise an alarm, which would block the publishers.
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

/// The versions that `cargo xtask broker install` has unpacked.
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
    format!("cannot find this RabbitMQ; install it with `cargo xtask {command}`")
}
