//! Runs suites, one after the other, and prints what they came to.

use std::path::Path;
use std::time::Instant;

use crate::broker::Broker;
use crate::suite::Suite;
use crate::table::{Row, Table};
use crate::tally::Tally;

/// Runs the suites, each on each of its brokers, and prints the table; whether all passed.
pub(crate) fn all(suites: &[&'static Suite]) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut table = Table::default();
    for suite in suites {
        for &broker in suite.brokers {
            let started = Instant::now();
            let tally = one(suite, broker, &root);
            table.push(Row {
                suite: suite.name,
                broker,
                tally,
                took: started.elapsed(),
            });
        }
    }
    print!("\n{table}");
    table.passed()
}

fn one(suite: &Suite, broker: Broker, root: &Path) -> Tally {
    let mut tally = Tally::default();
    for fault in suite.tools.iter().filter_map(|tool| tool.need().err()) {
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
    let deadline = Instant::now() + suite.deadline;
    for step in steps {
        println!("\n==> {}: {step}", suite.name);
        tally.add(step.run(root, broker, deadline));
    }
    if tally.passed + tally.failed == 0 {
        tally.fault(1, "ran no test".to_owned());
    }
    tally
}
