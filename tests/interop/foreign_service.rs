//! A foreign service as a process: told what to do by lines of JSON, heard by lines of JSON.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::install;
use crate::language::Language;

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for a thing that is bound to come.
///
/// # Panics
/// When it does not.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// A service that runs. What it wrote to its log is shown when its test fails.
#[derive(Debug)]
pub(crate) struct Program {
    language: Language,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    received: VecDeque<Received>,
    log: Arc<Mutex<String>>,
    keeper: JoinHandle<()>,
}

/// A message as a foreign client has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Received {
    pub(crate) queue: String,
    pub(crate) exchange: String,
    pub(crate) key: String,
    /// The bytes of the body, in hexadecimal.
    pub(crate) body: String,
    /// What the language's own JSON makes of the body; null when that is nothing.
    pub(crate) event: Value,
    /// The event's time, read and written by the language's own means.
    pub(crate) instant: Option<String>,
    /// By AMQP's names, those that are absent left out.
    pub(crate) properties: Value,
    pub(crate) headers: Option<Map<String, Value>>,
}

impl Received {
    /// The headers that are ours, or that are not.
    pub(crate) fn headers(&self, ours: bool) -> Map<String, Value> {
        let headers = self.headers.clone().unwrap_or_default();
        headers
            .into_iter()
            .filter(|(name, _)| name.starts_with("tidings-") == ours)
            .collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Done(String),
    Received(Received),
}

impl Program {
    /// Starts the program and waits until it is connected.
    pub(crate) async fn start(language: Language, mut command: Command) -> Self {
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
        let keeper = tokio::spawn(keep(errors.expect("it is piped"), Arc::clone(&log)));
        let mut program = Self {
            language,
            child,
            input,
            output: BufReader::new(output.expect("it is piped")).lines(),
            received: VecDeque::new(),
            log,
            keeper,
        };
        program.done("connect").await;
        program
    }

    /// Declares a queue of its own, binds it, and consumes it.
    pub(crate) async fn subscribe(&mut self, queue: &str, pattern: &str) {
        self.tell(json!({ "do": "subscribe", "queue": queue, "pattern": pattern }))
            .await;
    }

    /// Consumes a queue of someone else's.
    pub(crate) async fn consume(&mut self, queue: &str) {
        self.tell(json!({ "do": "consume", "queue": queue })).await;
    }

    /// Publishes an event in the manner of its language, under its type.
    pub(crate) async fn publish(&mut self, event: &Value) {
        self.tell(json!({ "do": "publish", "event": event })).await;
    }

    /// Publishes a message in a manner of our own.
    pub(crate) async fn send(&mut self, message: &Message<'_>) {
        self.tell(json!({
            "do": "send",
            "key": message.key,
            "body": hex(message.body.as_bytes()),
            "options": message.options,
            "oddHeaders": message.odd_headers,
        }))
        .await;
    }

    /// Gives it a command, and waits until it is done.
    pub(crate) async fn tell(&mut self, command: Value) {
        let done = command["do"]
            .as_str()
            .expect("a command says what to do")
            .to_owned();
        let input = self.input.as_mut().expect("the program is not ended");
        let line = format!("{command}\n");
        if let Err(error) = soon("room for a command", input.write_all(line.as_bytes())).await {
            panic!("the service in {} is deaf: {error}", self.language.name());
        }
        self.done(&done).await;
    }

    /// The next message that it received and that was not asked for before.
    pub(crate) async fn receive(&mut self, queue: &str) -> Received {
        loop {
            if let Some(at) = self.received.iter().position(|message| message.queue == queue)
                && let Some(message) = self.received.remove(at)
            {
                return message;
            }
            self.hear(&format!("a message in `{queue}`")).await;
        }
    }

    /// Ends it as its own supervisor would, and waits until it has ended.
    pub(crate) async fn end(mut self) {
        drop(self.input.take());
        let ended = soon("the end of the program", self.child.wait()).await;
        let status = ended.expect("the program can be waited for");
        assert!(
            status.success(),
            "the service in {} {status}",
            self.language.name()
        );
        assert!(self.received.is_empty(), "nobody asked for {:?}", self.received);
    }

    async fn done(&mut self, what: &str) {
        loop {
            if let Some(done) = self.hear(&format!("the end of `{what}`")).await {
                assert_eq!(done, what);
                return;
            }
        }
    }

    /// Takes one line: a message is kept, the end of a command given back.
    async fn hear(&mut self, what: &str) -> Option<String> {
        let line = soon(what, self.output.next_line()).await;
        let Some(line) = line.expect("the program writes UTF-8") else {
            // Its last words explain why.
            let status = soon("the end of the program", self.child.wait()).await;
            let _ = soon("the end of its log", &mut self.keeper).await;
            panic!(
                "the service in {} ended while {what} was awaited: {status:?}",
                self.language.name()
            );
        };
        match serde_json::from_str(&line) {
            Ok(Line::Done(done)) => Some(done),
            Ok(Line::Received(message)) => {
                self.received.push_back(message);
                None
            }
            Err(error) => panic!("the service in {} says {line}: {error}", self.language.name()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("the log of the service in {}:\n{log}", self.language.name());
        }
    }
}

async fn keep(mut errors: ChildStderr, log: Arc<Mutex<String>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = errors.read(&mut bytes).await {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

/// What is sent past the manner of a language.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) key: &'a str,
    pub(crate) body: &'a str,
    /// Properties and headers, as amqplib names them.
    pub(crate) options: Value,
    /// Whether a header of every type that the client can write goes with it.
    pub(crate) odd_headers: bool,
}

impl<'a> Message<'a> {
    /// A body under a key, and nothing else.
    pub(crate) fn new(key: &'a str, body: &'a str) -> Self {
        Self {
            key,
            body,
            options: json!({}),
            odd_headers: false,
        }
    }
}

/// Bytes as the programs write them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
