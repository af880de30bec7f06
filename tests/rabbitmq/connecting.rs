//! Connecting: who lets us in, who does not, and what is said then.

use std::time::{Duration, Instant};

use tidings::Declare;

use crate::place::{Happened, blocking, bus, settings, text, until, vhost};

async fn refused(url: &str) -> String {
    let started = Instant::now();
    let error = settings().connect(url).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10), "it is told at once");
    let text = text(&error);
    assert!(!text.contains("secret"), "{text}");
    text
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    let vhost = vhost().await;
    let node = vhost.node();
    let text = refused(&node.url_of("guest", "secret", vhost.name())).await;
    assert!(
        text.contains("ACCESS_REFUSED") && text.contains("password of user `guest`"),
        "{text}"
    );
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
    let text = text(&error);
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
    let text = text(&error);
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
    assert!(text(&error).contains("did not answer"), "{error:?}");
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
    let text = text(&error);
    assert!(
        // With every feature of the workspace there is TLS, and nobody at that port.
        (text.contains("feature `rustls`") || text.contains("amqps://127.0.0.1:1: "))
            && !text.contains("secret"),
        "{text}"
    );
}
