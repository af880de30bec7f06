//! Connecting: who lets us in, who does not, and what is said then.

use std::time::{Duration, Instant};

use tidings::{Bus, Declare};

use tidings_test_support::error_text;
use tidings_test_support::foreign_client::{ForeignClient, arguments};
use tidings_test_support::wait::{DEADLINE, blocking, until};

use crate::fixture::{Happened, bus, settings, vhost};

async fn refused(url: &str) -> String {
    let started = Instant::now();
    let error = settings().connect(url).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10), "it is told at once");
    let text = error_text(&error);
    assert!(!text.contains("secret"), "{text}");
    text
}

#[tokio::test]
async fn a_virtual_host_that_is_not_there_is_told_at_once() {
    let vhost = vhost().await;
    let text = refused(&vhost.node().url_of("guest", "guest", "nowhere")).await;
    assert!(text.contains("`nowhere`"), "{text}");
}

#[tokio::test]
async fn a_user_without_permissions_is_told_what_to_grant() {
    let vhost = vhost().await;
    let (node, name) = (vhost.node(), vhost.name().to_owned());
    let granted = name.clone();
    blocking(move || {
        node.add_user("stranger", "secret").unwrap();
        node.add_user("reader", "secret").unwrap();
        node.permit("reader", &granted, ["^$", "^domain_events$", ".*"])
            .unwrap();
    })
    .await;
    let text = refused(&node.url_of("stranger", "secret", &name)).await;
    assert!(
        text.contains("set_permissions") && text.contains("'stranger'"),
        "{text}"
    );

    let url = node.url_of("reader", "secret", &name);
    let text = refused(&url).await;
    assert!(
        text.contains("`configure`") && text.contains("^domain_events$"),
        "{text}"
    );

    // Who may not declare publishes all the same, when it is said that there is nothing to declare.
    bus(&vhost.url()).await.close().await;
    let publisher = settings().declare(Declare::Verify).connect(&url).await.unwrap();
    publisher.publish(&Happened::new(1, "a")).await.unwrap();
    publisher.close().await;
}

#[tokio::test]
async fn a_publish_that_is_forbidden_says_what_to_grant() {
    let vhost = vhost().await;
    let (node, name) = (vhost.node(), vhost.name().to_owned());
    let granted = name.clone();
    blocking(move || {
        node.add_user("mute", "secret").unwrap();
        node.permit("mute", &granted, [".*", "^$", ".*"]).unwrap();
    })
    .await;
    let bus = settings()
        .publish_timeout(Duration::from_millis(900))
        .connect(&node.url_of("mute", "secret", &name))
        .await
        .unwrap();
    let error = bus.publish(&Happened::new(1, "a")).await.unwrap_err();
    let text = error_text(&error);
    assert!(
        text.contains("`write` permission on exchange `domain_events`"),
        "{text}"
    );
    assert!(text.contains("it was not delivered"), "{text}");
}

#[tokio::test]
async fn hosts_are_tried_in_turn() {
    let vhost = vhost().await;
    let bus = bus(&format!("amqp://guest:secret@127.0.0.1:1/v,{}", vhost.url())).await;
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    assert!(bus.health().is_ready());
    bus.close().await;
    assert!(!bus.health().connected);
}

#[tokio::test]
async fn a_broker_that_is_away_is_told_within_the_time_with_each_reason() {
    let started = Instant::now();
    let error = settings()
        .connect_timeout(Duration::from_secs(1))
        .connect("amqp://guest:secret@127.0.0.1:1/v,amqp://guest:secret@127.0.0.1:2/v")
        .await
        .unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3));
    let text = error_text(&error);
    assert!(
        text.contains("127.0.0.1:1/v: ") && text.contains("127.0.0.1:2/v: "),
        "{text}"
    );
    assert!(
        !text.contains("secret") && !format!("{error:?}").contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_given_up_and_leaves_no_connection() {
    // The system takes the connection, and nobody ever reads from it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://guest:guest@{}", listener.local_addr().unwrap());
    let error = settings()
        .connect_timeout(Duration::from_secs(1))
        .connect(&url)
        .await
        .unwrap_err();
    assert!(error_text(&error).contains("did not answer"), "{error:?}");
    until("its connections are gone", async || connections_to(&url) == 0).await;
    drop(listener);
}

/// How many connections to the URL's port are open at this end.
fn connections_to(url: &str) -> usize {
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    // The peer's address and the state: 01 is an open connection.
    let wanted = format!(":{port:04X} 01 ");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().filter(|line| line.contains(&wanted)).count()
}

#[tokio::test]
async fn a_url_for_tls_says_which_feature_it_takes() {
    let error = settings()
        .connect_timeout(Duration::from_millis(300))
        .connect("amqps://guest:secret@127.0.0.1:1")
        .await
        .unwrap_err();
    let text = error_text(&error);
    assert!(
        // With every feature of the workspace there is TLS, and nobody at that port.
        (text.contains("feature `rustls`") || text.contains("amqps://127.0.0.1:1: "))
            && !text.contains("secret"),
        "{text}"
    );
}

/// Tells a test that it runs in a process of its own, and which broker it is to find.
const CHILD: &str = "TIDINGS_TEST_CHILD";

/// Runs one test of this program again, in a process of its own with this `TIDINGS_URL`; what it printed.
async fn child(test: &str, url: Option<&str>) -> String {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "yes")
        .env_remove("TIDINGS_URL")
        .kill_on_drop(true);
    if let Some(url) = url {
        command.env("TIDINGS_URL", url);
    }
    let output = tokio::time::timeout(DEADLINE, command.output())
        .await
        .expect("it ends")
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

#[tokio::test]
async fn the_broker_that_the_environment_names_gets_the_events() {
    if std::env::var_os(CHILD).is_some() {
        // As a service would start.
        for bus in [Bus::from_env().await, Bus::from_env_or("memory:").await] {
            let bus = bus.unwrap();
            bus.publish(&Happened::new(1, "a")).await.unwrap();
            bus.close().await;
        }
        return;
    }
    let vhost = vhost().await;
    bus(&vhost.url()).await.close().await;
    let client = ForeignClient::connect(&vhost.url()).await;
    client.bind("all", "thing.#", arguments(&[])).await.unwrap();
    let this = "connecting::the_broker_that_the_environment_names_gets_the_events";
    child(this, Some(&vhost.url())).await;
    assert_eq!(client.depth("all").await, Some(2));
}

#[tokio::test]
async fn without_a_word_from_the_environment_the_default_is_taken_or_the_want_is_told() {
    if std::env::var_os(CHILD).is_some() {
        let bus = Bus::from_env_or("memory:").await.unwrap();
        bus.publish(&Happened::new(1, "a")).await.unwrap();
        let error = Bus::from_env().await.unwrap_err();
        println!("told: {error}");
        return;
    }
    let this = "connecting::without_a_word_from_the_environment_the_default_is_taken_or_the_want_is_told";
    let said = child(this, None).await;
    assert!(
        said.contains("told: `TIDINGS_URL` is not set; set it to amqp://"),
        "{said}"
    );
}
