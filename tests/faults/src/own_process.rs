//! Runs a fault in this process, or in its own process if it measures the process.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

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
/// When the fault panics.
pub fn run(fault: &Fault) -> Row {
    if fault.alone {
        in_child(fault)
    } else {
        in_this_process(fault)
    }
}

fn in_this_process(fault: &Fault) -> Row {
    let install = Install::find().expect("RabbitMQ is installed");
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
        .expect("the runtime starts");
    runtime.block_on((fault.run)(&harness))
}

fn in_child(fault: &Fault) -> Row {
    let file = std::env::temp_dir().join(format!(
        "tidings-faults-{}-{}.json",
        std::process::id(),
        fault.name
    ));
    let mut command = child::command(NAME);
    command
        .env(FAULT, fault.name)
        .env(ROW, &file)
        .stdin(Stdio::piped());
    let mut process = command.spawn().expect("a process starts");
    // The child ends when this pipe closes.
    let stdin = process.stdin.take();
    let status = process.wait().expect("the process can be awaited");
    drop(stdin);
    assert!(status.success(), "the process of the fault ended with {status}");
    let row = fs::read(&file).expect("the process wrote its row");
    let _ = fs::remove_file(&file);
    serde_json::from_slice(&row).expect("the row can be parsed")
}

/// The main function of the child.
pub(crate) fn child() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(9);
    });
    let name = std::env::var(FAULT).expect("the name of the fault is set");
    let file = PathBuf::from(std::env::var_os(ROW).expect("the file for the row is set"));
    let fault = all().into_iter().find(|fault| fault.name == name);
    let row = in_this_process(&fault.expect("the fault exists"));
    fs::write(
        file,
        serde_json::to_vec(&row).expect("a row can be written as JSON"),
    )
    .expect("the row is written");
}
