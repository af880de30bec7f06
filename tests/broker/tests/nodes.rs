//! Private nodes start, stop, restart and leave nothing behind, on the RabbitMQ that the variables select.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tidings_broker::{Install, Node, Setup, shared};

fn setup() -> Setup {
    Setup::new(&Install::find().unwrap())
}

fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn a_node_starts_and_stops() {
    let started = Instant::now();
    let node = setup().start().unwrap();
    eprintln!("started in {:?}", started.elapsed());
    let pid = node.pid().unwrap();
    assert!(node.ready() && exists(pid));
    let started = Instant::now();
    node.stop().unwrap();
    eprintln!("stopped in {:?}", started.elapsed());
    assert!(!node.ready() && !node.runs() && !exists(pid));
    node.start_again().unwrap();
    let pid = node.pid().unwrap();
    assert!(node.ready() && exists(pid));
    drop(node);
    assert!(!exists(pid));
}

/// Sends a request to the management plugin and returns the body of the response.
fn http(node: &Node, method: &str, path: &str, body: &str) -> String {
    let port = node.management_port().expect("the management plugin");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "{method} /api/{path} HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).unwrap_or_default();
    assert!(status.starts_with('2'), "{method} {path}: {answer}");
    body.to_owned()
}

/// Declares the durable quorum queue `kept` and publishes a persistent message to it.
fn keep_message(node: &Node) {
    let queue = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
    http(node, "PUT", "queues/%2F/kept", queue);
    node.flush().unwrap();
    let message = r#"{"routing_key":"kept","properties":{"delivery_mode":2},"payload":"x","payload_encoding":"string"}"#;
    let answer = http(node, "POST", "exchanges/%2F/amq.default/publish", message);
    assert_eq!(answer, r#"{"routed":true}"#);
}

/// Waits until the queue `kept` reports one message. Its leader starts later than the listener.
fn kept(node: &Node) -> String {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let listed = node.ctl(&["-q", "list_queues", "--no-table-headers", "name", "messages"]);
        match listed {
            Ok(listed) if listed.contains("kept\t1") => return listed.trim().to_owned(),
            listed => assert!(Instant::now() < deadline, "{listed:?}\n{}", node.logs()),
        }
    }
}

#[test]
fn a_killed_node_restarts_with_its_messages_on_the_same_port() {
    let node = setup().management().start().unwrap();
    let (pid, url) = (node.pid().unwrap(), node.url());
    keep_message(&node);
    node.kill();
    assert!(!exists(pid) && !node.ready());
    let started = Instant::now();
    node.start_again().unwrap();
    eprintln!("back in {:?}", started.elapsed());
    assert_eq!(node.url(), url);
    assert_ne!(node.pid(), Some(pid));
    assert_eq!(kept(&node), "kept\t1");
    node.stop().unwrap();
    node.start_again().unwrap();
    assert_eq!(kept(&node), "kept\t1");
}

#[test]
fn two_nodes_run_in_parallel_and_are_independent() {
    let (one, two) = thread::scope(|scope| {
        let two = scope.spawn(|| setup().start().unwrap());
        (setup().start().unwrap(), two.join().unwrap())
    });
    assert_ne!(one.port(), two.port());
    one.kill();
    assert!(two.ready());
    two.add_user("alice", "secret").unwrap();
    two.permit("alice", "/", ["^a", "^a", ".*"]).unwrap();
    two.change_password("alice", "other").unwrap();
    two.ctl(&["authenticate_user", "alice", "other"]).unwrap();
    let error = two.ctl(&["authenticate_user", "alice", "secret"]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`rabbitmqctl authenticate_user alice secret` failed: "),
        "{error}"
    );
}

#[test]
fn a_cluster_of_three_survives_the_loss_of_one_node() {
    let started = Instant::now();
    let cluster = setup().management().start_cluster(3).unwrap();
    eprintln!("cluster in {:?}", started.elapsed());
    let [one, two, three] = cluster.nodes() else {
        panic!("{} nodes", cluster.nodes().len())
    };
    let pids: Vec<u32> = cluster.nodes().iter().filter_map(Node::pid).collect();
    keep_message(one);
    one.kill();
    assert_eq!(kept(two), "kept\t1");
    let started = Instant::now();
    one.start_again().unwrap();
    eprintln!("member back in {:?}", started.elapsed());
    assert!(cluster.nodes().iter().all(Node::ready));
    assert_eq!(cluster.urls().len(), 3);
    assert_eq!(kept(three), "kept\t1");
    drop(cluster);
    assert!(!pids.into_iter().any(exists));
}

#[test]
fn a_node_reads_its_configuration_lines() {
    let node = setup().conf("consumer_timeout = 5000").start().unwrap();
    let timeout = node
        .ctl(&["eval", "application:get_env(rabbit, consumer_timeout)."])
        .unwrap();
    assert_eq!(timeout.trim(), "{ok,5000}");
}

/// Set in the child process that exits without cleanup.
const CHILD: &str = "TIDINGS_BROKER_CHILD";

/// Runs one test of this binary in a child process. Returns the words that it prints after `node: `.
fn run_in_child(test: &str) -> (Child, BufReader<ChildStdout>, Vec<String>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("node: ") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "no output");
    }
    let words = line.split("node: ").nth(1).unwrap_or_default();
    (
        child,
        output,
        words.split_whitespace().map(str::to_owned).collect(),
    )
}

fn print_node(node: &Node) {
    println!("node: {} {}", node.pid().unwrap(), node.port());
    std::io::stdout().flush().unwrap();
}

/// The folders of the nodes of a process.
fn folders_of(process: u32) -> Vec<PathBuf> {
    let own = format!("tidings-broker-{process}-");
    std::fs::read_dir(env::temp_dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&own))
        })
        .collect()
}

fn await_cleanup(process: u32, node: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while is_running(node) || !folders_of(process).is_empty() {
        assert!(
            Instant::now() < deadline,
            "node {node}, {:?}",
            folders_of(process)
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// Whether the process runs and is not a zombie.
fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

#[test]
fn a_node_is_killed_when_its_test_process_is_killed() {
    if env::var_os(CHILD).is_some() {
        let node = setup().start().unwrap();
        print_node(&node);
        loop {
            thread::park();
        }
    }
    let (mut child, _output, node) = run_in_child("a_node_is_killed_when_its_test_process_is_killed");
    assert!(is_running(&node[0]));
    child.kill().unwrap();
    child.wait().unwrap();
    await_cleanup(child.id(), &node[0]);
}

#[test]
fn the_shared_node_is_killed_when_the_tests_end() {
    if env::var_os(CHILD).is_some() {
        print_node(shared());
        return;
    }
    let (mut child, mut output, node) = run_in_child("the_shared_node_is_killed_when_the_tests_end");
    // The read ends when no process of the node has the output of the test open.
    output.read_to_string(&mut String::new()).unwrap();
    assert!(child.wait().unwrap().success());
    await_cleanup(child.id(), &node[0]);
}

#[test]
fn each_test_gets_its_own_virtual_host() {
    let started = Instant::now();
    let (one, two) = (shared().vhost().unwrap(), shared().vhost().unwrap());
    eprintln!("two vhosts in {:?}", started.elapsed());
    assert_ne!(one.url(), two.url());
    let listed = shared()
        .ctl(&["-q", "list_permissions", "-p", two.name()])
        .unwrap();
    assert!(listed.contains("guest"), "{listed}");
}

#[test]
fn the_error_of_a_slow_start_contains_the_log() {
    let error = setup()
        .limit(Duration::from_millis(500))
        .start()
        .unwrap_err()
        .to_string();
    assert!(error.contains("not ready after 500ms; its log ends:"), "{error}");
}

#[test]
fn the_error_of_a_node_that_exits_contains_the_log() {
    let error = setup().conf("no_such_key = 1").start().unwrap_err().to_string();
    assert!(
        error.contains("its process ended; its log ends:") && error.contains("no_such_key"),
        "{error}"
    );
}
