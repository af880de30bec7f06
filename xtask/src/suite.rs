//! The suites: what each one tests, and its commands.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use crate::broker::{BrokerKind, Choice};
use crate::feature;
use crate::step::Step;
use crate::tool::{C_COMPILER, CARGO, GIT, NODE, NPM, OPENSSL, PYTHON, SHELL, Tool};

/// Tests that are named, run and counted together.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// What it tests, for the help text.
    about: &'static str,
    /// The kinds of broker that it can run on. It runs once on each selected broker of these kinds.
    brokers: &'static [BrokerKind],
    pub(crate) tools: &'static [Tool],
    /// How long one test may take. The time of a build does not count.
    pub(crate) time_limit: Duration,
    steps: Steps,
}

#[derive(Debug)]
enum Steps {
    Fixed(fn() -> Vec<Step>),
    /// One for each feature in the runtime's manifest.
    Features,
}

const TEST_LIMIT: Duration = Duration::from_mins(20);
/// For tests that run a compiler.
const COMPILING_TEST_LIMIT: Duration = Duration::from_hours(2);
pub(crate) const TOOLS: &[Tool] = &[CARGO, SHELL, C_COMPILER, OPENSSL];

/// The longest suites run only when the command line names them.
pub(crate) const ONLY_NAMED: &[&str] = &["faults"];

/// The packages and features of almost every build. Cargo resolves features for the packages of one command together,
/// so commands with different packages build the dependencies and the runtime several times.
pub(crate) const SHARED: &str = "--workspace --all-features";

/// A binary of the shared build. Only with a test among its targets does cargo enable the features of dev-dependencies.
fn runs(binary: &'static str) -> Step {
    Step::runs(&format!("{SHARED} --test dependencies"), binary)
}

fn tests(targets: &str) -> Step {
    Step::tests(&format!("{SHARED} {targets}"))
}

/// Rustdoc's JSON for `tidings-api`, which reads it from the target folder.
pub(crate) fn api_docs() -> Step {
    Step::rustdoc_json(&format!("{SHARED} --no-deps"))
}

/// Every suite, in the order in which they run. Small tests come first, because their errors are easiest to read.
pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "unit",
        about: "the unit tests of every package, and the structure of the three crates",
        brokers: &[BrokerKind::None],
        tools: &[CARGO, SHELL, C_COMPILER, OPENSSL, GIT],
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--lib --bin xtask --test runtime --test attempts")]),
    },
    Suite {
        name: "api",
        about: "documentation without warnings, public API as in docs/api, licences and Rust version of dependencies",
        brokers: &[BrokerKind::None],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![api_docs(), runs("tidings-api"), tests("--test dependencies")]),
    },
    Suite {
        name: "features",
        about: "each feature builds alone, none brings tokio or lapin, the crates package",
        brokers: &[BrokerKind::None],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Features,
    },
    Suite {
        name: "ui",
        about: "compile errors and expanded code equal the reviewed files; unusual code compiles",
        brokers: &[BrokerKind::None],
        tools: TOOLS,
        time_limit: COMPILING_TEST_LIMIT,
        steps: Steps::Fixed(|| {
            vec![
                tests("--test ui --test pass --test expansions --test emitted"),
                Step::succeeds(&format!("clippy {SHARED} --test emitted -- -D warnings")),
            ]
        }),
    },
    Suite {
        name: "macros",
        about: "what the derive and the attribute produce, used as a user would",
        brokers: &[BrokerKind::None],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test macros")]),
    },
    Suite {
        name: "contracts",
        about: "exported schemas, with any features of other crates, and the result for each changed contract",
        brokers: &[BrokerKind::None],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| {
            vec![
                // `serde_agreement` compares a thousand types with what serde reads.
                tests(
                    "--test check --test export --test folders --test rules --test schemas --test consumed \
                     --test findings --test serde_agreement",
                ),
                // Features that other crates enable must not change the exported files.
                Step::tests(
                    "-p tidings-contracts --test export --features schemars/preserve_order,serde_json/arbitrary_precision",
                ),
            ]
        }),
    },
    Suite {
        name: "conformance",
        about: "the promises that every broker keeps",
        brokers: &[BrokerKind::Memory, BrokerKind::RabbitMq],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test conformance")]),
    },
    Suite {
        name: "nodes",
        about: "the RabbitMQ nodes of the tests start, die, restart, and leave nothing behind",
        brokers: &[BrokerKind::RabbitMq],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test nodes")]),
    },
    Suite {
        name: "rabbitmq",
        about: "what only RabbitMQ can show: confirms, reconnection, a consumer that dies",
        brokers: &[BrokerKind::RabbitMq],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test rabbitmq")]),
    },
    Suite {
        name: "faults",
        about: "brokers, networks and processes fail while events are published and consumed: none is lost",
        brokers: &[BrokerKind::RabbitMq],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test faults")]),
    },
    Suite {
        name: "interop",
        about: "services in Node, Nest, TypeScript and Python exchange events with ours over RabbitMQ",
        brokers: &[BrokerKind::RabbitMq],
        tools: &[CARGO, SHELL, C_COMPILER, OPENSSL, NODE, NPM, PYTHON],
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test interop --test typed")]),
    },
    Suite {
        name: "documents",
        about: "other people's tools accept our AsyncAPI documents and exported schemas",
        brokers: &[BrokerKind::None],
        tools: &[CARGO, SHELL, C_COMPILER, OPENSSL, NODE, NPM],
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test validated")]),
    },
    Suite {
        name: "shop",
        about: "the shop's tests, then the shop itself: its books must balance",
        brokers: &[BrokerKind::Memory],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| {
            vec![
                tests(
                    "--test asyncapi --test audit --test command --test contracts --test handlers --test services \
                     --test stories --test topology",
                ),
                runs("shop"),
            ]
        }),
    },
    Suite {
        name: "shop-killed",
        about: "the shop as three processes, one of which is killed: its books must balance",
        brokers: &[BrokerKind::RabbitMq],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--test processes")]),
    },
    Suite {
        name: "quickstart",
        about: "the README's example runs",
        brokers: &[BrokerKind::Memory],
        tools: TOOLS,
        time_limit: TEST_LIMIT,
        steps: Steps::Fixed(|| vec![runs("quickstart")]),
    },
    Suite {
        name: "docs",
        about: "every code block of the documentation and the README",
        brokers: &[BrokerKind::None],
        tools: TOOLS,
        time_limit: COMPILING_TEST_LIMIT,
        steps: Steps::Fixed(|| vec![tests("--doc")]),
    },
];

impl Suite {
    /// The selected brokers that the suite can run on.
    pub(crate) fn on(&self, choices: &[Choice]) -> Vec<Choice> {
        match self.brokers {
            [BrokerKind::None] => vec![Choice::None],
            [BrokerKind::Memory] => vec![Choice::Memory],
            kinds => choices
                .iter()
                .filter(|choice| kinds.contains(&choice.kind()))
                .cloned()
                .collect(),
        }
    }

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
        Step::lacks(&["tokio", "lapin"], "-p tidings-contracts -e normal"),
        // Without features much code has no caller, so the lints can find more unused code.
        Step::succeeds(&format!("clippy {bare} --lib -- -D warnings")),
        // This build has only the features that the manifests name. All other builds have every feature.
        Step::succeeds("check -p quickstart -p shop"),
    ];
    let features = feature::names(manifest).into_iter();
    steps.extend(features.map(|name| Step::succeeds(&format!("check {bare} --lib --features {name}"))));
    // One command: cargo builds the runtime against the macros that it has just packaged, not against a registry. The
    // packages have no profiles, and with those of the workspace cargo reuses what it has built.
    steps.push(Step::succeeds(
        "package -p tidings-macros -p tidings -p tidings-contracts --allow-dirty \
         --config profile.dev.debug=\"line-tables-only\" --config profile.dev.package.\"*\".debug=false \
         --config profile.dev.build-override.debug=false",
    ));
    steps
}

const USAGE: &str = "\
usage: cargo xtask test [--broker <broker>]... [--full] [suite...]

Suites that run on RabbitMQ run on the installed version and on the newest 4. Suites that can run in memory run there
too. `--broker memory`, `--broker 4` or `--broker 3.10` selects other brokers; repeat it for several. `--full` is for
the suite `faults` only: many runs of each fault with many events, most of an hour for each broker.

If a RabbitMQ is missing, the command gets it: from Docker if its engine runs; as root on Debian and Ubuntu from the
distribution's package, without starting its server; as root on Debian for a newer version, by unpacking a newer Debian
into the cache folder. No test uses a broker that it did not start.

Without a name, all suites except `faults` run, in this order:

";

pub(crate) fn help() -> String {
    let mut help = USAGE.to_owned();
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
            .filter(|kind| **kind != BrokerKind::None)
            .map(|kind| kind.name())
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
    use crate::selection::select;

    #[test]
    fn every_test_file_of_the_workspace_is_in_a_suite() {
        let root = crate::root();
        let listed: Vec<String> = SUITES
            .iter()
            .flat_map(|suite| suite.steps(&root).unwrap())
            .map(|step| format!("{step} "))
            .collect();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let workspace = read(&root.join("Cargo.toml"));
        let members = workspace
            .lines()
            .skip_while(|line| !line.starts_with("members"))
            .skip(1)
            .take_while(|line| !line.starts_with(']'))
            .map(|line| root.join(line.trim_matches([' ', '"', ','])));
        let mut found = 0;
        for member in members {
            let manifest = read(&member.join("Cargo.toml"));
            let mut tests: Vec<String> = manifest
                .split("[[test]]\nname = \"")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
                .collect();
            if !manifest.contains("autotests = false") {
                let files = fs::read_dir(member.join("tests")).into_iter().flatten();
                let files = files.map(|file| file.unwrap().path());
                let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
                tests.extend(files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()));
            }
            for test in tests {
                let target = format!(" --test {test} ");
                assert!(
                    listed.iter().any(|step| step.contains(&target)),
                    "no suite runs `{test}` of {}; add{target}to one",
                    member.display()
                );
                found += 1;
            }
        }
        assert!(found > 30, "{found}");
    }

    #[test]
    fn the_workflow_runs_every_suite() {
        let root = crate::root();
        let workflow = fs::read_to_string(root.join(".github/workflows/ci.yml")).unwrap();
        let lines: Vec<&str> = workflow
            .lines()
            .filter_map(|line| line.trim().strip_prefix("args: "))
            .collect();
        for suite in SUITES.iter().filter(|suite| !ONLY_NAMED.contains(&suite.name)) {
            let jobs = lines
                .iter()
                .filter(|line| line.split(' ').any(|arg| arg == suite.name))
                .count();
            let brokers: usize = suite
                .brokers
                .iter()
                .map(|kind| if *kind == BrokerKind::RabbitMq { 2 } else { 1 })
                .sum();
            assert_eq!(jobs, brokers, "{}", suite.name);
        }
        for line in lines {
            select(&line.split(' ').collect::<Vec<_>>()).unwrap();
        }
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
        assert!(
            help.contains("(needs: cargo, sh, cc, pkg-config; on: memory)") || cfg!(not(target_os = "linux")),
            "{help}"
        );
    }

    #[test]
    fn every_suite_has_a_unique_name_and_a_broker() {
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
