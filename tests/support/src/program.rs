//! Runs a program in another language, with commands and messages as lines of JSON.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::install;
use crate::wait::within;

/// A running program. It reads commands and writes lines: `{"done":"<command>"}` after each command, and a message of
/// type `M` for each event that it received. When the test panics, the log of the program is printed.
#[derive(Debug)]
pub struct Program<M> {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    messages: VecDeque<M>,
    log: Arc<Mutex<String>>,
    log_reader: JoinHandle<()>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<M> {
    Done(String),
    #[serde(alias = "payment")]
    Received(M),
}

impl<M: Debug + DeserializeOwned> Program<M> {
    /// Starts a program and waits until it reports that it is connected.
    ///
    /// # Panics
    /// When the program cannot be started or does not connect.
    pub async fn start(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                let program = command.as_std().get_program().to_string_lossy();
                install::cannot_run(&program, &error)
            });
        let log = Arc::new(Mutex::new(String::new()));
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let log_reader = tokio::spawn(copy_log(errors.expect("stderr is piped"), Arc::clone(&log)));
        let mut program = Self {
            name: name.to_owned(),
            child,
            input,
            output: BufReader::new(output.expect("stdout is piped")).lines(),
            messages: VecDeque::new(),
            log,
            log_reader,
        };
        program.wait_for_done("connect").await;
        program
    }

    /// Sends a command and waits until the program has executed it. The field `do` is the name of the command.
    ///
    /// # Panics
    /// When the program does not answer.
    pub async fn execute(&mut self, command: Value) {
        let name = command["do"].as_str().expect("a command has a name").to_owned();
        let input = self.input.as_mut().expect("the program runs");
        let line = format!("{command}\n");
        if let Err(error) = within("writing a command", input.write_all(line.as_bytes())).await {
            panic!("the service in {} does not read its input: {error}", self.name);
        }
        self.wait_for_done(&name).await;
    }

    /// Returns the first message that matches and that was not returned before.
    ///
    /// # Panics
    /// When there is none within the deadline.
    pub async fn receive(&mut self, what: &str, matches: impl Fn(&M) -> bool) -> M {
        loop {
            if let Some(at) = self.messages.iter().position(&matches)
                && let Some(message) = self.messages.remove(at)
            {
                return message;
            }
            self.read_line(what).await;
        }
    }

    /// Closes the input of the program and waits until it exits.
    ///
    /// # Panics
    /// When the program fails, or the test has not received one of its messages.
    pub async fn end(mut self) {
        drop(self.input.take());
        let exited = within("the exit of the program", self.child.wait()).await;
        let status = exited.expect("the program can be waited for");
        assert!(status.success(), "the service in {}: {status}", self.name);
        assert!(
            self.messages.is_empty(),
            "unexpected messages: {:?}",
            self.messages
        );
    }

    async fn wait_for_done(&mut self, command: &str) {
        loop {
            if let Some(done) = self.read_line(&format!("the end of `{command}`")).await {
                assert_eq!(done, command);
                return;
            }
        }
    }

    /// Reads a line. Returns the name of a command that is done, and keeps a message for later.
    async fn read_line(&mut self, what: &str) -> Option<String> {
        let line = within(what, self.output.next_line()).await;
        let Some(line) = line.expect("the program writes UTF-8") else {
            // Read the log to its end: its last lines say why the program exited.
            let status = within("the exit of the program", self.child.wait()).await;
            let _ = within("the end of the log", &mut self.log_reader).await;
            panic!("the service in {} exited before {what}: {status:?}", self.name);
        };
        match serde_json::from_str(&line) {
            Ok(Line::Done(command)) => Some(command),
            Ok(Line::Received(message)) => {
                self.messages.push_back(message);
                None
            }
            Err(error) => panic!("the service in {} wrote {line}: {error}", self.name),
        }
    }
}

impl<M> Drop for Program<M> {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("log of the service in {}:\n{log}", self.name);
        }
    }
}

async fn copy_log(mut errors: ChildStderr, log: Arc<Mutex<String>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = errors.read(&mut bytes).await {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}
