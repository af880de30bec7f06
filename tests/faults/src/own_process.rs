//! A row in a process of its own: one that measures its process, say, which rows beside it would disturb.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tidings_broker::Install;

use crate::child;
use crate::fault::{Fault, all};
use crate::harness::{Form, Harness};
use crate::row::Row;

/// Its name among the children.
pub(crate) const NAME: &str = "alone";

/// Which fault a child is to run.
const FAULT: &str = "TIDINGS_FAULTS_ALONE";

/// Where it leaves its row.
const ROW: &str = "TIDINGS_FAULTS_ROW";

/// Runs a fault, in this process or in one of its own as the fault has it, and gives its row.
///
/// # Panics
/// When the fault's run does.
pub fn run(fault: &Fault) -> Row {
    if fault.alone { apart(fault) } else { here(fault) }
}

fn here(fault: &Fault) -> Row {
    let install = Install::find().expect("a RabbitMQ");
    let harness = Harness::new(
        &install,
        Form::asked(),
        fault.name,
        fault.times,
        fastrand::u64(..),
    );
    // Of its own: a bus does not outlive the runtime that it was made on.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on((fault.run)(&harness))
}

fn apart(fault: &Fault) -> Row {
    let file = std::env::temp_dir().join(format!(
        "tidings-faults-{}-{}.json",
        std::process::id(),
        fault.name
    ));
    let mut command: Command = child::command(NAME);
    command
        .env(FAULT, fault.name)
        .env(ROW, &file)
        .stdin(Stdio::piped());
    let mut process: Child = command.spawn().expect("a process starts");
    // It ends when this does.
    let leash = process.stdin.take();
    let status = process.wait().expect("the system knows its processes");
    drop(leash);
    assert!(status.success(), "its process ended with {status}");
    let row = fs::read(&file).expect("the process left its row");
    let _ = fs::remove_file(&file);
    serde_json::from_slice(&row).expect("a row is JSON")
}

/// What the process does.
pub(crate) fn child() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(9);
    });
    let name = std::env::var(FAULT).expect("a fault's name");
    let file = PathBuf::from(std::env::var_os(ROW).expect("a file for its row"));
    let fault = all().into_iter().find(|fault| fault.name == name);
    let row = here(&fault.expect("there is such a fault"));
    fs::write(file, serde_json::to_vec(&row).expect("a row is JSON")).expect("the row is written");
}
