//! The suites that a command line selects, and the brokers to run them on.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::broker::Choice;
use crate::form::Form;
use crate::step::Step;
use crate::suite::{ONLY_NAMED, SHARED, SUITES, Suite};

/// A suite and the brokers to run it on.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) suite: &'static Suite,
    pub(crate) form: Form,
    /// Empty if the suite runs on none of the selected brokers.
    pub(crate) choices: Vec<Choice>,
}

/// Reads the command line: the named suites, or all except those that run only when named, in the order of the list.
/// Suites that run on RabbitMQ run on the named brokers, or on the usual ones.
pub(crate) fn select(args: &[&str]) -> Result<Vec<Job>, String> {
    let mut names = Vec::new();
    let mut choices = Vec::new();
    let mut form = Form::Short;
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg.split_once('=') {
            Some(("--broker", broker)) => choices.push(Choice::parse(broker)?),
            _ if arg == "--broker" => {
                let broker = args
                    .next()
                    .ok_or("no broker after `--broker`; write `--broker 4`")?;
                choices.push(Choice::parse(broker)?);
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
    if choices.is_empty() {
        choices = Choice::usual();
    }
    let mut jobs = Vec::new();
    for suite in SUITES {
        if !(names.is_empty() || names.contains(&suite.name)) {
            continue;
        }
        if names.is_empty() && ONLY_NAMED.contains(&suite.name) {
            continue;
        }
        let choices = suite.on(&choices);
        if choices.is_empty() && !names.is_empty() {
            return Err(format!("suite `{}` does not run on memory", suite.name));
        }
        // The other suites have one form.
        let form = if ONLY_NAMED.contains(&suite.name) {
            form
        } else {
            Form::Short
        };
        jobs.push(Job { suite, form, choices });
    }
    Ok(jobs)
}

/// Builds the tests of these jobs. One build uses every core, where the builds of single suites wait for their largest
/// crate.
pub(crate) fn build(jobs: &[Job], root: &Path) -> io::Result<Step> {
    let mut targets = BTreeSet::new();
    for job in jobs {
        for step in job.suite.steps(root)? {
            targets.extend(step.test_targets(SHARED));
        }
    }
    let targets: Vec<String> = targets.into_iter().collect();
    Ok(Step::succeeds(&format!(
        "test {SHARED} {} --no-run --quiet",
        targets.join(" ")
    )))
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
        job.map(|job| job.choices.iter().map(Choice::to_string).collect())
            .unwrap_or_default()
    }

    #[test]
    fn without_a_name_all_suites_except_faults_are_selected() {
        let selected = select(&[]).unwrap();
        for suite in SUITES {
            let is_selected = selected.iter().any(|job| job.suite.name == suite.name);
            assert_eq!(is_selected, suite.name != "faults", "{}", suite.name);
        }
        assert_eq!(names(&select(&["faults"]).unwrap()), ["faults"]);
    }

    #[test]
    fn named_suites_run_once_each_in_the_order_of_the_list() {
        assert_eq!(
            names(&select(&["docs", "unit", "docs"]).unwrap()),
            ["unit", "docs"]
        );
    }

    #[test]
    fn an_unknown_suite_is_an_error_that_lists_the_suites() {
        let fault = select(&["unit", "units"]).unwrap_err();
        assert!(
            fault.starts_with("no suite `units`; there are unit, api, features, "),
            "{fault}"
        );
    }

    #[test]
    fn a_suite_runs_on_every_usual_broker_of_its_kinds() {
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
    fn named_brokers_replace_the_usual_ones() {
        let args = ["--broker", "3.10", "--broker=4"];
        for name in ["conformance", "rabbitmq"] {
            assert_eq!(brokers(&args, name), ["RabbitMQ 3.10", "RabbitMQ 4"]);
        }
        assert_eq!(brokers(&args, "shop"), ["memory"]);
        assert_eq!(brokers(&["--broker", "memory"], "conformance"), ["memory"]);
        assert!(brokers(&["--broker", "memory"], "rabbitmq").is_empty());
    }

    #[test]
    fn a_named_suite_that_cannot_run_is_an_error() {
        assert_eq!(
            select(&["rabbitmq", "--broker", "memory"]).unwrap_err(),
            "suite `rabbitmq` does not run on memory"
        );
    }

    #[test]
    fn the_build_has_every_target_of_the_selected_suites_once() {
        let root = crate::root();
        let build = |args: &[&str]| build(&select(args).unwrap(), &root).unwrap().to_string();
        assert_eq!(
            build(&["macros", "features", "contracts", "docs", "quickstart"]),
            "cargo test --workspace --all-features --test check --test consumed --test export --test findings \
             --test folders --test macros --test rules --test schemas --test serde_agreement --no-run --quiet"
        );
        let all = format!("{} ", build(&[]));
        assert!(
            all.contains(" --lib --test ") && !all.contains(" --test faults "),
            "{all}"
        );
    }

    #[test]
    fn the_full_form_needs_its_option() {
        for (args, form) in [
            (&["faults"][..], Form::Short),
            (&["--full", "faults"], Form::Full),
        ] {
            assert_eq!(select(args).unwrap()[0].form, form, "{args:?}");
        }
    }

    #[test]
    fn an_unknown_option_is_an_error_that_lists_the_options() {
        assert_eq!(
            select(&["--brokers"]).unwrap_err(),
            "no option `--brokers`; there are `--broker`, `--full` and `--help`"
        );
        assert_eq!(
            select(&["unit", "--broker"]).unwrap_err(),
            "no broker after `--broker`; write `--broker 4`"
        );
    }
}
