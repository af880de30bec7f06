//! `cargo xtask api`: the public API as text, compared with docs/api.

use std::path::Path;
use std::time::Duration;

use crate::broker::Broker;
use crate::form::Form;
use crate::step::Step;
use crate::suite;

/// Compares the API with docs/api, or writes it there. Returns whether that succeeded.
pub(crate) fn run(root: &Path, is_write: bool) -> bool {
    let program = if is_write {
        Step::succeeds("run --quiet -p tidings-api -- --write")
    } else {
        Step::succeeds("run --quiet -p tidings-api")
    };
    [suite::api_docs(), program].iter().all(|step| {
        let tally = step.run(root, &Broker::None, Form::Short, Duration::MAX);
        tally.faults.iter().for_each(|fault| eprintln!("xtask: {fault}"));
        tally.failed == 0
    })
}
