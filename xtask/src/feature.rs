//! The features that a manifest declares.

/// The names under `[features]` without `default`, in the order of the manifest.
///
/// It reads only the form that this workspace uses: one feature at the start of each line.
pub(crate) fn names(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with(['#', ' ', ']']))
        .filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned()))
        .filter(|name| name != "default")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_from_their_section_only() {
        let manifest = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"a\"]\n# Why = a\na = []\n\
                        b-c = [\n    \"dep:x\",\n]\n\n[dependencies]\nx = \"1\"\n";
        assert_eq!(names(manifest), ["a", "b-c"]);
    }

    #[test]
    fn a_manifest_without_features_has_none() {
        assert!(names("[package]\nname = \"x\"\n").is_empty());
    }
}
