//! Runs suites one after the other, and prints the table.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::broker::{Broker, Installs};
use crate::form::Form;
use crate::obtain;
use crate::selection::{self, Job};
use crate::suite::{self, Suite};
use crate::table::{Row, Table};
use crate::tally::Tally;

/// A run of more suites than this builds the tests of all of them first.
const MANY: usize = 8;

/// Runs each suite on each of its brokers and prints the table. Returns whether all passed.
pub(crate) fn all(jobs: &[Job], root: &Path) -> bool {
    let mut installs = Installs::default();
    let mut table = Table::default();
    // A missing tool or a failed build is no failure here: each suite that needs it reports it.
    if jobs.len() > MANY
        && suite::TOOLS.iter().all(|tool| obtain::tool(tool).is_ok())
        && let Ok(build) = selection::build(jobs, root)
    {
        println!("\n==> build: {build}");
        build.run(root, &Broker::None, Form::Short, Duration::ZERO);
    }
    for Job { suite, form, choices } in jobs {
        let mut done = Vec::new();
        for choice in choices {
            let broker = installs.get(choice);
            let started = Instant::now();
            let (on, tally) = match broker {
                Ok(broker) if done.contains(&broker) => {
                    println!(
                        "\n==> {}: {choice} is {broker}, on which the suite has just run",
                        suite.name
                    );
                    continue;
                }
                Ok(broker) => {
                    let on = broker.to_string();
                    let tally = one(suite, *form, &broker, root);
                    done.push(broker);
                    (on, tally)
                }
                Err(fault) => {
                    let mut tally = Tally::default();
                    tally.fault(1, fault);
                    (choice.to_string(), tally)
                }
            };
            table.push(Row {
                suite: suite.name,
                on,
                tally,
                took: started.elapsed(),
            });
        }
    }
    let not_run: Vec<&str> = jobs
        .iter()
        .filter(|job| job.choices.is_empty())
        .map(|job| job.suite.name)
        .collect();
    if !not_run.is_empty() {
        println!(
            "\nnot run, because they run on RabbitMQ only: {}",
            not_run.join(", ")
        );
    }
    print!("\n{table}");
    table.passed()
}

fn one(suite: &Suite, form: Form, broker: &Broker, root: &Path) -> Tally {
    let mut tally = Tally::default();
    for fault in suite.tools.iter().filter_map(|tool| obtain::tool(tool).err()) {
        tally.fault(1, fault);
    }
    if tally.failed > 0 {
        return tally;
    }
    let steps = match suite.steps(root) {
        Ok(steps) => steps,
        Err(error) => {
            tally.fault(1, format!("cannot read the runtime's features: {error}"));
            return tally;
        }
    };
    let time_limit = suite.time_limit * form.time_limits();
    for step in steps {
        match broker {
            Broker::None => println!("\n==> {}: {step}", suite.name),
            _ => println!("\n==> {} on {broker}: {step}", suite.name),
        }
        tally.add(step.run(root, broker, form, time_limit));
    }
    if tally.passed + tally.failed == 0 {
        tally.fault(1, "ran no test".to_owned());
    }
    tally
}
