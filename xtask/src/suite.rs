//! The suites: what each one shows, and the commands that show it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use crate::broker::{Ask, Kind};
use crate::feature;
use crate::step::Step;
use crate::tool::{C_COMPILER, CARGO, GIT, NODE, NPM, OPENSSL, PYTHON, SHELL, Tool};

/// Tests that are named, run and counted together.
#[derive(Debug)]
pub(crate) struct Suite {
    /// What `cargo xtask test` calls it.
    pub(crate) name: &'static str,
    /// What it shows, in half a line.
    about: &'static str,
    /// What it can run on. Each broker of these kinds that is asked for carries the whole suite once.
    brokers: &'static [Kind],
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
const TOOLS: &[Tool] = &[CARGO, SHELL, C_COMPILER, OPENSSL];

/// Suites that take too long to be part of all: each is run by its name.
const ONLY_NAMED: &[&str] = &["faults"];

/// Every suite, in the order in which they run: what is wrong everywhere shows first where it is smallest.
const SUITES: &[Suite] = &[
    Suite {
        name: "unit",
        about: "the unit tests of the macros, the runtime and these commands",
        brokers: &[Kind::None],
        tools: &[CARGO, SHELL, C_COMPILER, OPENSSL, GIT],
        deadline: BUILD,
        steps: Steps::Fixed(|| {
            vec![
                Step::tests("-p tidings-macros -p tidings --lib --all-features"),
                Step::tests("-p tidings-broker --lib"),
                Step::tests("-p tidings-tests --test runtime --test attempts"),
                Step::tests("-p tidings-paths --lib"),
                Step::tests("-p xtask"),
            ]
        }),
    },
    Suite {
        name: "features",
        about: "each feature builds alone, none brings tokio or lapin, the crates package",
        brokers: &[Kind::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Features,
    },
    Suite {
        name: "ui",
        about: "compile errors and expanded code, held against the reviewed files",
        brokers: &[Kind::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| {
            vec![
                Step::tests("-p tidings-tests --test ui --test expansions --test emitted"),
                Step::succeeds("clippy -p tidings-tests --test emitted --no-deps -- -D warnings"),
            ]
        }),
    },
    Suite {
        name: "macros",
        about: "what the derive and the attribute produce, used as a user would",
        brokers: &[Kind::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-tests --test macros")]),
    },
    Suite {
        name: "contracts",
        about: "what is exported of each type, on any features of others, and what a changed contract is told",
        brokers: &[Kind::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| {
            vec![
                Step::tests("-p tidings-contracts --lib --tests"),
                Step::tests("-p tidings-tests --test consumed"),
                Step::tests("-p tidings-contract-edits"),
                // A thousand types, and what serde does with each other's events.
                Step::tests("-p tidings-contract-truth"),
                // The same files whatever other crates have `serde_json` and schemars do.
                Step::tests(
                    "-p tidings-contracts --test export --features schemars/preserve_order,serde_json/arbitrary_precision",
                ),
            ]
        }),
    },
    Suite {
        name: "conformance",
        about: "the promises that every broker keeps",
        brokers: &[Kind::Memory, Kind::RabbitMq],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-tests --test conformance")]),
    },
    Suite {
        name: "nodes",
        about: "the RabbitMQ of the tests: nodes start, die, come back, and leave nothing behind",
        brokers: &[Kind::RabbitMq],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-broker --test nodes")]),
    },
    Suite {
        name: "rabbitmq",
        about: "what RabbitMQ alone can show: confirms, reconnection, a consumer that dies",
        brokers: &[Kind::RabbitMq],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-tests --test rabbitmq")]),
    },
    Suite {
        name: "faults",
        about: "brokers, networks and processes that fail while events are under way: none is lost",
        brokers: &[Kind::RabbitMq],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-faults")]),
    },
    Suite {
        name: "interop",
        about: "services in Node, Nest, TypeScript and Python, over RabbitMQ: their events to us, ours to them",
        brokers: &[Kind::RabbitMq],
        tools: &[CARGO, SHELL, C_COMPILER, OPENSSL, NODE, NPM, PYTHON],
        deadline: BUILD,
        steps: Steps::Fixed(|| {
            vec![
                Step::tests("-p tidings-tests --test interop"),
                Step::tests("-p tidings-documents-tests --test typed"),
            ]
        }),
    },
    Suite {
        name: "documents",
        about: "AsyncAPI documents and exported schemas, checked with the tools of others",
        brokers: &[Kind::None],
        tools: &[CARGO, SHELL, C_COMPILER, OPENSSL, NODE, NPM],
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p tidings-documents-tests --test validated")]),
    },
    Suite {
        name: "shop",
        about: "the shop's own tests, then the shop: its books must balance",
        brokers: &[Kind::Memory],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p shop"), Step::succeeds("run -p shop")]),
    },
    Suite {
        name: "shop-killed",
        about: "the shop as three processes, one of them killed in the middle: its books must balance",
        brokers: &[Kind::RabbitMq],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::tests("-p shop --test processes")]),
    },
    Suite {
        name: "quickstart",
        about: "the README's example runs",
        brokers: &[Kind::Memory],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| vec![Step::succeeds("run -p quickstart")]),
    },
    Suite {
        name: "docs",
        about: "every code block of the documentation and the README",
        brokers: &[Kind::None],
        tools: TOOLS,
        deadline: BUILD,
        steps: Steps::Fixed(|| {
            vec![Step::tests(
                "--doc -p tidings -p tidings-contracts --all-features",
            )]
        }),
    },
];

impl Suite {
    /// Which of the brokers asked for it runs on.
    fn on(&self, asks: &[Ask]) -> Vec<Ask> {
        match self.brokers {
            [Kind::None] => vec![Ask::None],
            [Kind::Memory] => vec![Ask::Memory],
            kinds => asks
                .iter()
                .filter(|ask| kinds.contains(&ask.kind()))
                .cloned()
                .collect(),
        }
    }

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
        Step::lacks(&["tokio", "lapin"], "-p tidings-contracts -e normal"),
        Step::succeeds(&format!("check {bare} --lib")),
    ];
    let features = feature::names(manifest).into_iter();
    steps.extend(features.map(|name| Step::succeeds(&format!("check {bare} --lib --features {name}"))));
    // Both at once, since the runtime is built against the macros in the package beside it, not on a registry.
    steps.push(Step::succeeds(
        "package -p tidings-macros -p tidings -p tidings-contracts --allow-dirty",
    ));
    steps
}

/// A suite and what it is to run on.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) suite: &'static Suite,
    pub(crate) form: Form,
    /// None where no broker asked for is one it runs on.
    pub(crate) asks: Vec<Ask>,
}

/// How much a suite does that can do more or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What every change has to pass.
    Short,
    /// What fills the tables of the documentation, in most of an hour a broker.
    Full,
}

impl Form {
    /// How many times a suite's deadline it may take.
    pub(crate) fn deadlines(self) -> u32 {
        match self {
            Self::Short => 1,
            Self::Full => 18,
        }
    }

    /// Tells a cargo command about it.
    pub(crate) fn tell(self, command: &mut Command) {
        match self {
            Self::Short => command.env_remove(FAULTS),
            // Of a machine that is to handle thousands of events a second, a build without optimization takes most.
            Self::Full => command.env(FAULTS, "full").arg("--release"),
        };
    }
}

/// What tells the faults which form of them is to be run.
const FAULTS: &str = "TIDINGS_TEST_FAULTS";

/// What a command line asks for: the suites named, or all but those that only run by name, each once and in their own order; those that run on
/// RabbitMQ on the brokers named, or the usual ones. `--broker` says nothing to a suite that knows one broker only.
pub(crate) fn select(args: &[&str]) -> Result<Vec<Job>, String> {
    let mut names = Vec::new();
    let mut asks = Vec::new();
    let mut form = Form::Short;
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg.split_once('=') {
            Some(("--broker", broker)) => asks.push(Ask::parse(broker)?),
            _ if arg == "--broker" => {
                let broker = args
                    .next()
                    .ok_or("no broker after `--broker`; write `--broker 4`")?;
                asks.push(Ask::parse(broker)?);
            }
            _ if arg == "--full" => form = Form::Full,
            _ if arg.starts_with('-') => {
                return Err(format!(
                    "no option `{arg}`; there are `--broker`, `--full` and `--help`"
                ));
            }
            _ => names.push(arg),
        }
    }
    if let Some(unknown) = names
        .iter()
        .find(|name| SUITES.iter().all(|suite| suite.name != **name))
    {
        let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        return Err(format!("no suite `{unknown}`; there are {}", known.join(", ")));
    }
    if asks.is_empty() {
        asks = Ask::usual();
    }
    let mut jobs = Vec::new();
    for suite in SUITES {
        if !(names.is_empty() || names.contains(&suite.name)) {
            continue;
        }
        if names.is_empty() && ONLY_NAMED.contains(&suite.name) {
            continue;
        }
        let asks = suite.on(&asks);
        if asks.is_empty() && !names.is_empty() {
            return Err(format!("suite `{}` does not run on memory", suite.name));
        }
        // The others have one form.
        let form = if ONLY_NAMED.contains(&suite.name) {
            form
        } else {
            Form::Short
        };
        jobs.push(Job { suite, form, asks });
    }
    Ok(jobs)
}

const USAGE: &str = "\
usage: cargo xtask test [--broker <broker>]... [--full] [suite...]

Suites that run on RabbitMQ run on the one at hand and on the newest 4; those that run in memory, too, there as well.
`--broker memory`, `--broker 4`, `--broker 3.10`, any version, once or more often, names others. `--full` does each of
the faults many times, with many events, which takes most of an hour a broker; it says nothing to the other suites.

A RabbitMQ that is not there is got: from Docker where its engine runs; else, as root on Debian and Ubuntu, the
distribution's package, whose own server is not started; a newer one as root on Debian, unpacked from a newer suite
into the cache folder. No test touches a broker that it did not start.

Without a name, all suites but `faults`, in this order:

";

/// What `cargo xtask test --help` prints.
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
            .filter(|kind| **kind != Kind::None)
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

    fn names(jobs: &[Job]) -> Vec<&'static str> {
        jobs.iter().map(|job| job.suite.name).collect()
    }

    fn brokers(args: &[&str], name: &str) -> Vec<String> {
        let jobs = select(args).unwrap();
        let job = jobs.iter().find(|job| job.suite.name == name);
        job.map(|job| job.asks.iter().map(Ask::to_string).collect())
            .unwrap_or_default()
    }

    #[test]
    fn no_name_selects_every_suite_but_those_that_take_a_name() {
        let selected = select(&[]).unwrap();
        for suite in SUITES {
            let is_selected = selected.iter().any(|job| job.suite.name == suite.name);
            assert_eq!(is_selected, suite.name != "faults", "{}", suite.name);
        }
        assert_eq!(names(&select(&["faults"]).unwrap()), ["faults"]);
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
    fn a_suite_runs_on_every_usual_broker_that_it_can() {
        for (name, on) in [
            ("unit", &["-"][..]),
            ("shop", &["memory"]),
            ("conformance", &["memory", "RabbitMQ", "RabbitMQ 4"]),
            ("rabbitmq", &["RabbitMQ", "RabbitMQ 4"]),
        ] {
            assert_eq!(brokers(&[], name), on, "{name}");
        }
    }

    #[test]
    fn named_brokers_take_the_place_of_the_usual_ones() {
        let args = ["--broker", "3.10", "--broker=4"];
        for name in ["conformance", "rabbitmq"] {
            assert_eq!(brokers(&args, name), ["RabbitMQ 3.10", "RabbitMQ 4"]);
        }
        assert_eq!(brokers(&args, "shop"), ["memory"]);
        assert_eq!(brokers(&["--broker", "memory"], "conformance"), ["memory"]);
        assert!(brokers(&["--broker", "memory"], "rabbitmq").is_empty());
    }

    #[test]
    fn a_suite_that_is_named_is_never_left_out() {
        assert_eq!(
            select(&["rabbitmq", "--broker", "memory"]).unwrap_err(),
            "suite `rabbitmq` does not run on memory"
        );
    }

    #[test]
    fn the_long_form_is_asked_for() {
        for (args, form) in [
            (&["faults"][..], Form::Short),
            (&["--full", "faults"], Form::Full),
        ] {
            assert_eq!(select(args).unwrap()[0].form, form, "{args:?}");
        }
    }

    #[test]
    fn a_stray_option_says_which_there_are() {
        assert_eq!(
            select(&["--brokers"]).unwrap_err(),
            "no option `--brokers`; there are `--broker`, `--full` and `--help`"
        );
        assert_eq!(
            select(&["unit", "--broker"]).unwrap_err(),
            "no broker after `--broker`; write `--broker 4`"
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
        assert!(
            help.contains("(needs: cargo, sh, cc, pkg-config; on: memory)") || cfg!(not(target_os = "linux")),
            "{help}"
        );
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
