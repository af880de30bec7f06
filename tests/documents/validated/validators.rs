//! Validators in JavaScript.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tidings_test_support::install::{self, NPM_CI, Recipe};
use tidings_test_support::wait::{blocking, within};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const RECIPE: Recipe = Recipe {
    locks: &["package.json", "package-lock.json"],
    install: NPM_CI,
    sources: &["asyncapi.js", "ajv.js"],
    build: &[],
};

/// The result of AsyncAPI's own parser for a document.
#[derive(Debug, Deserialize)]
pub(crate) struct ParserReport {
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) document: Option<ParsedDocument>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Diagnostic {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) path: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ParsedDocument {
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

/// Returns the folder in which the validators and their packages are installed.
pub(crate) async fn home() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents/node");
    blocking(move || RECIPE.prepare(&source, &home))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn asyncapi(files: &[PathBuf]) -> Vec<ParserReport> {
    let mut command = script("asyncapi.js").await;
    let output = run(command.args(files), Vec::new()).await;
    serde_json::from_slice(&output).expect("the parser writes JSON")
}

/// Compiles schemas with ajv in strict mode and validates their examples. Returns the errors.
pub(crate) async fn ajv(schemas: &Value) -> Vec<String> {
    let output = run(&mut script("ajv.js").await, schemas.to_string().into_bytes()).await;
    serde_json::from_slice(&output).expect("ajv writes JSON")
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
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let write = tokio::spawn(async move { stdin.write_all(&input).await });
    let output = within("the output of a validator", child.wait_with_output()).await;
    let output = output.expect("the validator exits");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{errors}", output.status);
    // A validator without input may exit before it is written.
    let _ = write.await;
    output.stdout
}
