//! The suites: what each one shows, and the commands that show it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use crate::broker::Broker;
use crate::feature;
use crate::step::Step;
use crate::tool::{CARGO, SHELL, Tool};

/// Tests that are named, run and counted together.
#[derive(Debug)]
pub(crate) struct Suite {
    /// What `cargo xtask test` calls it.
    pub(crate) name: &'static str,
    /// What it shows, in half a line.
    about: &'static str,
    /// Each of them carries the whole suite once.
    pub(crate) brokers: &'static [Broker],
    /// The programs it needs.
    pub(crate) tools: &'static [Tool],
    /// How long it may take on one broker, a first build on a slow machine included.
    pub(crate) deadline: Duration,
    steps: Steps,
}

/// Where a suite's commands come from.
#[derive(Debug)]
enum Steps {
    Fixed(fn() -> Vec<Step>),
    /// From the runtime's manifest.
    Features,
}

const BUILD: Duration = Duration::from_mins(20);
const TOOLS: &[Tool] = &[CARGO, SHELL];

/// Every suite, in the order in which they run: what is wrong everywhere shows first where it is smallest.
const SUITES: &[Suite] = &[
    Suite {
        name: "unit",
        about: "the unit tests of the macros, the runtime and these commands",
        brokers: &[Broker::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| {
            vec![
                Step::tests("-p tidings-macros -p tidings --lib --all-features"),
                Step::tests("-p tidings-tests --test runtime"),
                Step::tests("-p xtask"),
            ]
        }),
    },
    Suite {
        name: "features",
        about: "each feature builds alone, none brings tokio or lapin, the crates package",
        brokers: &[Broker::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Features,
    },
    Suite {
        name: "ui",
        about: "compile errors and expanded code, held against the reviewed files",
        brokers: &[Broker::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-tests --test ui --test expansions")]),
    },
    Suite {
        name: "macros",
        about: "what the derive and the attribute produce, used as a user would",
        brokers: &[Broker::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-tests --test macros")]),
    },
    Suite {
        name: "conformance",
        about: "the promises that every broker keeps",
        brokers: &[Broker::Memory],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-tests --test conformance")]),
    },
    Suite {
        name: "shop",
        about: "the shop's own tests, then the shop: its books must balance",
        brokers: &[Broker::Memory],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p shop"), Step::succeeds("run -p shop")]),
    },
    Suite {
        name: "quickstart",
        about: "the README's example runs",
        brokers: &[Broker::Memory],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::succeeds("run -p quickstart")]),
    },
    Suite {
        name: "docs",
        about: "every code block of the documentation and the README",
        brokers: &[Broker::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("--doc -p tidings --all-features")]),
    },
];

impl Suite {
    /// The commands of the suite.
    ///
    /// # Errors
    /// When the runtime's manifest cannot be read.
    pub(crate) fn steps(&self, root: &Path) -> io::Result<Vec<Step>> {
        match self.steps {
            Steps::Fixed(steps) => Ok(steps()),
            Steps::Features => Ok(feature_steps(&fs::read_to_string(
                root.join("runtime/Cargo.toml"),
            )?)),
        }
    }
}

fn feature_steps(manifest: &str) -> Vec<Step> {
    let bare = "-p tidings --no-default-features";
    let mut steps = vec![
        Step::lacks(&["tokio", "lapin"], &format!("{bare} -e normal")),
        Step::succeeds(&format!("check {bare} --lib")),
    ];
    let features = feature::names(manifest).into_iter();
    steps.extend(features.map(|name| Step::succeeds(&format!("check {bare} --lib --features {name}"))));
    // Both at once, since the runtime is built against the macros in the package beside it, not on a registry.
    steps.push(Step::succeeds(
        "package -p tidings-macros -p tidings --allow-dirty",
    ));
    steps
}

/// The suites of these names, each once, in their own order; all of them when no name is given.
pub(crate) fn select(names: &[&str]) -> Result<Vec<&'static Suite>, String> {
    if let Some(unknown) = names
        .iter()
        .find(|name| SUITES.iter().all(|suite| suite.name != **name))
    {
        let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        return Err(format!("no suite `{unknown}`; there are {}", known.join(", ")));
    }
    Ok(SUITES
        .iter()
        .filter(|suite| names.is_empty() || names.contains(&suite.name))
        .collect())
}

/// What `cargo xtask test --help` prints.
pub(crate) fn help() -> String {
    let mut help =
        "usage: cargo xtask test [suite...]\n\nWithout a name, all of them, in this order:\n\n".to_owned();
    let width = SUITES
        .iter()
        .map(|suite| suite.name.len())
        .max()
        .unwrap_or_default();
    for Suite {
        name,
        about,
        brokers,
        tools,
        ..
    } in SUITES
    {
        let brokers: Vec<&str> = brokers
            .iter()
            .filter(|broker| **broker != Broker::None)
            .map(|broker| broker.name())
            .collect();
        let on = if brokers.is_empty() {
            String::new()
        } else {
            format!("; on: {}", brokers.join(", "))
        };
        let tools: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            help,
            "  {name:width$}  {about}\n  {:width$}  (needs: {}{on})",
            "",
            tools.join(", ")
        );
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(suites: &[&Suite]) -> Vec<&'static str> {
        suites.iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn no_name_selects_every_suite() {
        assert_eq!(select(&[]).unwrap().len(), SUITES.len());
    }

    #[test]
    fn named_suites_run_once_each_in_the_house_order() {
        assert_eq!(
            names(&select(&["docs", "unit", "docs"]).unwrap()),
            ["unit", "docs"]
        );
    }

    #[test]
    fn an_unknown_suite_is_an_error_that_lists_those_there_are() {
        let fault = select(&["unit", "units"]).unwrap_err();
        assert!(
            fault.starts_with("no suite `units`; there are unit, features, "),
            "{fault}"
        );
    }

    #[test]
    fn every_suite_is_in_the_help_with_its_tools() {
        let help = help();
        for Suite { name, about, .. } in SUITES {
            assert!(
                help.contains(&format!("  {name} ")) && help.contains(about),
                "{name}\n{help}"
            );
        }
        assert!(help.contains("(needs: cargo, sh; on: memory)"), "{help}");
    }

    #[test]
    fn suites_have_names_of_their_own_and_a_broker() {
        for (index, suite) in SUITES.iter().enumerate() {
            assert!(
                SUITES[..index].iter().all(|other| other.name != suite.name),
                "{}",
                suite.name
            );
            assert!(!suite.brokers.is_empty(), "{}", suite.name);
        }
    }

    #[test]
    fn every_feature_of_the_manifest_is_checked_alone() {
        let steps: Vec<String> = feature_steps("[features]\na = []\nb = []\n")
            .iter()
            .map(ToString::to_string)
            .collect();
        for feature in ["a", "b"] {
            let check = format!("cargo check -p tidings --no-default-features --lib --features {feature}");
            assert!(steps.contains(&check), "{steps:#?}");
        }
    }
}
