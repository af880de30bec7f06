//! Nodes start, die, come back and leave nothing behind, on the RabbitMQ that the environment chooses.

use std::path::Path;
use std::time::{Duration, Instant};

use tidings_broker::{Install, Setup, shared};

fn setup() -> Setup {
    Setup::new(&Install::find().unwrap())
}

fn is_there(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn a_node_starts_and_stops_and_is_gone() {
    let started = Instant::now();
    let node = setup().start().unwrap();
    eprintln!("started in {:?}", started.elapsed());
    let pid = node.pid().unwrap();
    assert!(node.ready() && is_there(pid));
    let started = Instant::now();
    node.stop().unwrap();
    eprintln!("stopped in {:?}", started.elapsed());
    assert!(!node.ready() && !node.runs() && !is_there(pid));
    node.start_again().unwrap();
    let pid = node.pid().unwrap();
    assert!(node.ready() && is_there(pid));
    drop(node);
    assert!(!is_there(pid));
}

#[test]
fn a_killed_node_comes_back_at_the_same_port() {
    let node = setup().start().unwrap();
    let (pid, url) = (node.pid().unwrap(), node.url());
    node.kill();
    assert!(!is_there(pid) && !node.ready());
    let started = Instant::now();
    node.start_again().unwrap();
    eprintln!("back in {:?}", started.elapsed());
    assert_eq!(node.url(), url);
    assert_ne!(node.pid(), Some(pid));
}

#[test]
fn each_test_has_a_vhost_of_its_own() {
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
fn a_node_that_is_not_ready_in_time_shows_its_log() {
    let fault = setup()
        .limit(Duration::from_millis(500))
        .start()
        .unwrap_err()
        .to_string();
    assert!(fault.contains("not ready after 500ms; its log ends:"), "{fault}");
}

#[test]
fn a_node_that_ends_at_once_shows_why() {
    let fault = setup().conf("no_such_key = 1").start().unwrap_err().to_string();
    assert!(
        fault.contains("its process ended; its log ends:") && fault.contains("no_such_key"),
        "{fault}"
    );
}
