//! The judges that are written in JavaScript.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::install::{self, Dependencies};

/// How long a judge may take.
const PATIENCE: Duration = Duration::from_mins(2);

const DEPENDENCIES: Dependencies = Dependencies {
    locks: &["package.json", "package-lock.json"],
    install: &[&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]],
    sources: &["asyncapi.js", "ajv.js"],
    build: &[],
};

/// What AsyncAPI's own parser says of a document.
#[derive(Debug, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) understood: Option<Understood>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Diagnostic {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) path: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Understood {
    pub(crate) title: String,
    pub(crate) operations: Vec<Operation>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) address: String,
    pub(crate) messages: Vec<String>,
}

/// Where the judges live; their packages are here too.
pub(crate) async fn home() -> PathBuf {
    install::ready("documents", "node", &DEPENDENCIES).await
}

/// Has documents judged by AsyncAPI's own parser.
pub(crate) async fn asyncapi(files: &[PathBuf]) -> Vec<Verdict> {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let mut command = script("asyncapi.js").await;
    serde_json::from_slice(&run(command.args(files), Vec::new()).await).expect("the judge writes JSON")
}

/// Has schemas compiled by ajv in strict mode, and their examples validated; gives the faults.
pub(crate) async fn ajv(schemas: &Value) -> Vec<String> {
    let output = run(&mut script("ajv.js").await, schemas.to_string().into_bytes()).await;
    serde_json::from_slice(&output).expect("the judge writes JSON")
}

async fn script(name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(home().await.join(name));
    command
}

async fn run(command: &mut Command, input: Vec<u8>) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| install::cannot_run("node", &error));
    let mut stdin = child.stdin.take().expect("it is piped");
    let feed = tokio::spawn(async move { stdin.write_all(&input).await });
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output
        .expect("the judge is done in time")
        .expect("the judge can be waited for");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{errors}", output.status);
    // A judge that takes no input may have ended before it was written.
    let _ = feed.await;
    output.stdout
}
