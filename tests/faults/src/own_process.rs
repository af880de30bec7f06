//! Runs a fault in its own process, for faults that measure their process.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tidings_broker::Install;

use crate::child;
use crate::fault::{Fault, all};
use crate::harness::{Form, Harness};
use crate::row::Row;

/// The name of this child program.
pub(crate) const NAME: &str = "alone";

/// The variable with the name of the fault.
const FAULT: &str = "TIDINGS_FAULTS_ALONE";

/// The variable with the path of the file for the row.
const ROW: &str = "TIDINGS_FAULTS_ROW";

/// Runs a fault, in this process or in its own, and returns its row.
///
/// # Panics
/// When the run panics.
pub fn run(fault: &Fault) -> Row {
    if fault.alone {
        in_child(fault)
    } else {
        in_this_process(fault)
    }
}

fn in_this_process(fault: &Fault) -> Row {
    let install = Install::find().expect("a RabbitMQ");
    let harness = Harness::new(
        &install,
        Form::selected(),
        fault.name,
        fault.times,
        fastrand::u64(..),
    );
    // Each fault has its own runtime, because a bus ends with its runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on((fault.run)(&harness))
}

fn in_child(fault: &Fault) -> Row {
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
    // The child ends when this pipe closes.
    let stdin = process.stdin.take();
    let status = process.wait().expect("the system knows its processes");
    drop(stdin);
    assert!(status.success(), "its process ended with {status}");
    let row = fs::read(&file).expect("the process left its row");
    let _ = fs::remove_file(&file);
    serde_json::from_slice(&row).expect("a row can be written as JSON")
}

/// The main function of the child.
pub(crate) fn child() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(9);
    });
    let name = std::env::var(FAULT).expect("a fault's name");
    let file = PathBuf::from(std::env::var_os(ROW).expect("a file for its row"));
    let fault = all().into_iter().find(|fault| fault.name == name);
    let row = in_this_process(&fault.expect("there is such a fault"));
    fs::write(
        file,
        serde_json::to_vec(&row).expect("a row can be written as JSON"),
    )
    .expect("the row is written");
}
