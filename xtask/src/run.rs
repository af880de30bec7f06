//! Runs suites, one after the other, and prints what they came to.

use std::path::Path;
use std::time::Instant;

use crate::broker::{Broker, Stock};
use crate::obtain;
use crate::suite::{Form, Job, Suite};
use crate::table::{Row, Table};
use crate::tally::Tally;

/// Runs the suites, each on each of its brokers, and prints the table; whether all passed.
pub(crate) fn all(jobs: &[Job]) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stock = Stock::default();
    let mut table = Table::default();
    for Job { suite, form, asks } in jobs {
        let mut done = Vec::new();
        for ask in asks {
            let broker = stock.get(ask);
            let started = Instant::now();
            let (on, tally) = match broker {
                Ok(broker) if done.contains(&broker) => {
                    println!("\n==> {}: {ask} is {broker}, which it has run on", suite.name);
                    continue;
                }
                Ok(broker) => {
                    let on = broker.to_string();
                    let tally = one(suite, *form, &broker, &root);
                    done.push(broker);
                    (on, tally)
                }
                Err(fault) => {
                    let mut tally = Tally::default();
                    tally.fault(1, fault);
                    (ask.to_string(), tally)
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
    let idle: Vec<&str> = jobs
        .iter()
        .filter(|job| job.asks.is_empty())
        .map(|job| job.suite.name)
        .collect();
    if !idle.is_empty() {
        println!("\nnot run, for they run on RabbitMQ only: {}", idle.join(", "));
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
    let deadline = Instant::now() + suite.deadline * form.deadlines();
    for step in steps {
        match broker {
            Broker::None => println!("\n==> {}: {step}", suite.name),
            _ => println!("\n==> {} on {broker}: {step}", suite.name),
        }
        tally.add(step.run(root, broker, form, deadline));
    }
    if tally.passed + tally.failed == 0 {
        tally.fault(1, "ran no test".to_owned());
    }
    tally
}
