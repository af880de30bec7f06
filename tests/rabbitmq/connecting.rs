//! Connecting, and the errors when it fails.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings::error::PublishFault;
use tidings::{App, Bus, Declare, Delivery, Error, PublishOptions, State, event_handler, handlers};

use tidings_test_support::foreign_client::{ForeignClient, arguments};
use tidings_test_support::wait::{DEADLINE, blocking, until, within};
use tidings_test_support::{error_text, log};

use crate::fixture::{Count, Happened, bus, node, settings, vhost};

async fn refused(url: &str) -> String {
    let started = Instant::now();
    let error = settings().connect(url).await.unwrap_err();
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "the error is immediate"
    );
    let text = error_text(&error);
    assert!(!text.contains("secret"), "{text}");
    text
}

#[tokio::test]
async fn a_missing_virtual_host_is_an_immediate_error() {
    let vhost = vhost().await;
    let text = refused(&vhost.node().url_of("guest", "guest", "nowhere")).await;
    assert!(text.contains("`nowhere`"), "{text}");
}

#[tokio::test]
async fn the_error_for_missing_permissions_names_what_to_grant() {
    let vhost = vhost().await;
    let (node, name) = (vhost.node(), vhost.name().to_owned());
    let granted = name.clone();
    blocking(move || {
        node.add_user("nobody", "secret").unwrap();
        node.add_user("reader", "secret").unwrap();
        node.permit("reader", &granted, ["^$", "^domain_events$", ".*"])
            .unwrap();
    })
    .await;
    let text = refused(&node.url_of("nobody", "secret", &name)).await;
    assert!(
        text.contains("set_permissions") && text.contains("'nobody'"),
        "{text}"
    );

    let url = node.url_of("reader", "secret", &name);
    let text = refused(&url).await;
    assert!(
        text.contains("`configure`") && text.contains("^domain_events$"),
        "{text}"
    );

    // A user who may not declare can still publish with `Declare::Verify`.
    bus(&vhost.url()).await.close().await;
    let publisher = settings().declare(Declare::Verify).connect(&url).await.unwrap();
    publisher.publish(&Happened::new(1, "a")).await.unwrap();
    publisher.close().await;
}

#[tokio::test]
async fn the_error_of_a_forbidden_publish_names_what_to_grant() {
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
async fn a_forbidden_routing_key_is_refused_and_no_other_key_is() {
    let vhost = vhost().await;
    // A topic permission is for an exchange that exists.
    bus(&vhost.url()).await.close().await;
    let (node, name) = (vhost.node(), vhost.name().to_owned());
    let granted = name.clone();
    blocking(move || {
        node.add_user("half", "secret").unwrap();
        node.permit("half", &granted, [".*"; 3]).unwrap();
        let key = "^thing[.]happened[.]permitted$";
        let permission = [
            "set_topic_permissions",
            "-p",
            &granted,
            "half",
            "domain_events",
            key,
            ".*",
        ];
        node.ctl(&permission).unwrap();
    })
    .await;
    let bus = settings()
        .connect(&node.url_of("half", "secret", &name))
        .await
        .unwrap();
    let events = |kind: &str| {
        (0..20)
            .map(|number| Happened::new(number, kind))
            .collect::<Vec<_>>()
    };
    let is_refused = Cell::new(false);
    let forbidden = async {
        for published in bus.publish_all(&events("forbidden")).await {
            let text = error_text(&published.unwrap_err());
            assert!(
                text.contains("a topic permission to write `thing.happened.forbidden`"),
                "{text}"
            );
        }
        is_refused.set(true);
    };
    let permitted = async {
        while !is_refused.get() {
            for published in bus.publish_all(&events("permitted")).await {
                published.unwrap();
            }
        }
    };
    let both = async { tokio::join!(forbidden, permitted) };
    within("the answers of all publishes", both).await;
    bus.close().await;
}

#[tokio::test]
async fn a_forbidden_routing_key_closes_a_channel_only_once_in_a_while() {
    let node = node().await;
    bus(&node.url()).await.close().await;
    let own = Arc::clone(&node);
    let grant = |key: &'static str| {
        let node = Arc::clone(&node);
        let command = move || {
            let permission = ["set_topic_permissions", "half", "domain_events", key, ".*"];
            node.ctl(&permission).unwrap()
        };
        blocking(command)
    };
    blocking(move || {
        own.add_user("half", "secret").unwrap();
        own.permit("half", "/", [".*"; 3]).unwrap();
    })
    .await;
    grant("[.]permitted$").await;
    let bus = settings()
        .connect(&node.url_of("half", "secret", "/"))
        .await
        .unwrap();
    let started = Instant::now();
    for number in 0..100 {
        let innocent = (0..20)
            .map(|number| Happened::new(number, "permitted"))
            .collect::<Vec<_>>();
        let forbidden = Happened::new(number, "forbidden");
        let (permitted, refused) = tokio::join!(bus.publish_all(&innocent), bus.publish(&forbidden));
        permitted.into_iter().for_each(|result| drop(result.unwrap()));
        let Err(Error::Publish(error)) = refused else {
            panic!("{refused:?}")
        };
        assert!(
            matches!(error.fault(), PublishFault::ForbiddenKey(_)),
            "{error:?}"
        );
    }
    let closed = node
        .logs()
        .matches("access to topic 'thing.happened.forbidden'")
        .count();
    let windows = usize::try_from(started.elapsed().as_secs() / 5).unwrap() + 1;
    assert!(
        (1..=2 * windows).contains(&closed),
        "{closed} channels in {windows} windows"
    );

    grant(".*").await;
    until("the key is permitted", async || {
        bus.publish(&Happened::new(1, "forbidden")).await.is_ok()
    })
    .await;
    bus.close().await;
}

#[tokio::test]
async fn a_bus_tries_the_hosts_of_its_url_in_order() {
    let vhost = vhost().await;
    let bus = bus(&format!("amqp://guest:secret@127.0.0.1:1/v,{}", vhost.url())).await;
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    assert!(bus.health().is_ready());
    bus.close().await;
    assert!(!bus.health().connected);
}

#[tokio::test]
async fn an_unreachable_broker_is_an_error_within_the_timeout_with_the_reason_of_each_host() {
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
async fn a_silent_peer_is_an_error_and_leaves_no_open_connection() {
    // The system accepts the connection, but no process reads from it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://guest:guest@{}", listener.local_addr().unwrap());
    let error = settings()
        .connect_timeout(Duration::from_secs(1))
        .connect(&url)
        .await
        .unwrap_err();
    assert!(error_text(&error).contains("did not answer"), "{error:?}");
    until("the connections are closed", async || connections_to(&url) == 0).await;
    drop(listener);
}

/// The number of open connections to the port of the URL. No other test uses this port.
fn connections_to(url: &str) -> usize {
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    // The port of the peer, and the state 01 of an open connection.
    let wanted = format!(":{port:04X} 01 ");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().filter(|line| line.contains(&wanted)).count()
}

#[tokio::test]
async fn the_error_for_a_tls_url_names_the_missing_feature() {
    let error = settings()
        .connect_timeout(Duration::from_millis(300))
        .connect("amqps://guest:secret@127.0.0.1:1")
        .await
        .unwrap_err();
    let text = error_text(&error);
    assert!(
        // With the features of the whole workspace, TLS is available and the port is closed.
        (text.contains("feature `rustls`") || text.contains("amqps://127.0.0.1:1: "))
            && !text.contains("secret"),
        "{text}"
    );
}

/// Set in the child process of a test.
const CHILD: &str = "TIDINGS_TEST_CHILD";

#[tokio::test]
async fn no_timeout_is_too_long_for_a_bus_or_an_app() {
    let vhost = vhost().await;
    for timeout in [Duration::from_secs(u64::MAX), Duration::MAX] {
        let builder = settings().connect_timeout(timeout).publish_timeout(timeout);
        let bus = within("the connection", builder.connect(&vhost.url()))
            .await
            .unwrap();
        let app = App::new("endless")
            .handlers(handlers![count])
            .shutdown_timeout(timeout);
        let running = app.start(&bus).await.unwrap();
        within("the confirm", bus.publish(&Happened::new(1, "a")))
            .await
            .unwrap();
        until("the event is handled", async || {
            running.health().handlers[0].handled == 1
        })
        .await;
        within("the shutdown", running.shutdown()).await.unwrap();
        bus.close().await;
    }
}

#[event_handler("thing.#")]
async fn count(_: Happened) {}

#[tokio::test]
async fn a_password_of_any_characters_connects_and_is_never_shown() {
    const PASSWORD: &str = "Geh3im /?#@:%[]&=+!$'()*;\"<>\\^`{|}~,";
    let log = log::capture();
    let node = node().await;
    let (url, wrong) = blocking({
        let node = Arc::clone(&node);
        move || {
            node.add_user("orders", PASSWORD).unwrap();
            node.permit("orders", "/", [".*"; 3]).unwrap();
            let encoded: String = PASSWORD
                .bytes()
                .fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
            let url = |password: &str| node.url_of("orders", password, "%2f");
            (url(&encoded), url(&format!("{encoded}x")))
        }
    })
    .await;
    let builder = settings().connect_timeout(Duration::from_secs(20));
    let bus = builder.connect(&url).await.unwrap();
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    let refused = refused(&wrong).await;
    let restarted = Arc::clone(&node);
    blocking(move || restarted.change_password("orders", "another").unwrap()).await;
    let restarted = Arc::clone(&node);
    blocking(move || restarted.kill()).await;
    until("the bus notices", async || !bus.health().is_ready()).await;
    let restarted = Arc::clone(&node);
    blocking(move || restarted.start_again().unwrap()).await;
    until("the bus is refused", async || {
        let reason = bus.health().reason.unwrap_or_default();
        reason.contains("password")
    })
    .await;
    let texts = [refused, format!("{bus:?}"), format!("{:?}", bus.health())];
    assert!(texts.iter().all(|text| !text.contains("Geh3im")), "{texts:?}");
    let lines = log.lines_with(tracing::Level::DEBUG, "Geh3im");
    assert!(lines.is_empty(), "{lines:?}");
    bus.close().await;
}

#[tokio::test]
async fn a_bus_whose_runtime_has_ended_is_not_ready_and_says_why() {
    let vhost = vhost().await;
    let url = vhost.url();
    let bus = blocking(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bus = runtime.block_on(bus(&url));
        assert!(bus.health().is_ready());
        bus
    })
    .await;
    let health = bus.health();
    assert!(!health.is_ready() && !health.connected, "{health:?}");
    assert!(
        health
            .reason
            .as_ref()
            .is_some_and(|reason| reason.contains("runtime")),
        "{health:?}"
    );
    // No call waits for a task that no longer exists.
    let error = within("an error", bus.publish(&Happened::new(1, "a")))
        .await
        .unwrap_err();
    assert!(error_text(&error).contains("closed"), "{error:?}");
    within("the close", bus.close()).await;
}

/// Runs one test of this binary in a child process with this `TIDINGS_URL`. Returns its output.
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
        .expect("the child process ends")
        .unwrap();
    let output_text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{output_text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output_text
}

#[tokio::test]
async fn from_env_connects_to_the_broker_in_tidings_url() {
    if std::env::var_os(CHILD).is_some() {
        // Connects as a service does.
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
    let this = "connecting::from_env_connects_to_the_broker_in_tidings_url";
    child(this, Some(&vhost.url())).await;
    assert_eq!(client.depth("all").await, Some(2));
}

#[tokio::test]
async fn without_tidings_url_from_env_or_uses_its_default_and_from_env_fails() {
    if std::env::var_os(CHILD).is_some() {
        let bus = Bus::from_env_or("memory:").await.unwrap();
        bus.publish(&Happened::new(1, "a")).await.unwrap();
        let error = Bus::from_env().await.unwrap_err();
        println!("error: {error}");
        return;
    }
    let this = "connecting::without_tidings_url_from_env_or_uses_its_default_and_from_env_fails";
    let output_text = child(this, None).await;
    assert!(
        output_text.contains("error: `TIDINGS_URL` is not set; set it to amqp://"),
        "{output_text}"
    );
}

/// Fails with a long error at the first attempt.
#[event_handler("thing.happened.*")]
async fn faltering(_event: Happened, delivery: Delivery, State(done): State<Count>) -> Result<(), String> {
    if delivery.attempt() == 1 {
        return Err("x".repeat(5_000));
    }
    done.add();
    Ok(())
}

#[tokio::test]
async fn a_bus_works_in_little_memory_with_every_frame_size_that_a_broker_proposes() {
    if std::env::var_os(CHILD).is_some() {
        let started = Instant::now();
        let bus = settings().from_env().await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(5));
        let done = Count::default();
        let app = App::new("frames")
            .state(done.clone())
            .handlers(handlers![faltering]);
        let app = app.start(&bus).await.unwrap();
        let large = Happened::new(1, &"x".repeat(200));
        let options = PublishOptions::new().header("foreign", "x".repeat(3_000));
        bus.publish_with(&large, options).await.unwrap();
        done.reaches(1).await;
        app.shutdown().await.unwrap();
        bus.close().await;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        println!("peak: {}", peak.unwrap_or("0 kB").trim());
        return;
    }
    let node = node().await;
    // 0 is without a limit.
    for frame_max in [8_192, 131_072, 1_048_576, 0] {
        let own = Arc::clone(&node);
        let setting = format!("application:set_env(rabbit, frame_max, {frame_max}).");
        blocking(move || own.ctl(&["eval", &setting]).unwrap()).await;
        let this = "connecting::a_bus_works_in_little_memory_with_every_frame_size_that_a_broker_proposes";
        let output_text = child(this, Some(&node.url())).await;
        eprintln!("{frame_max}: {output_text}");
        let peak = output_text
            .lines()
            .find_map(|line| line.strip_prefix("peak: "))
            .unwrap();
        let peak: u32 = peak.split(' ').next().unwrap().parse().unwrap();
        assert!(peak < 40 * 1024, "{peak} KiB with frame_max = {frame_max}");
    }
}

#[tokio::test]
async fn the_error_without_a_free_channel_is_one_line_that_names_the_setting() {
    let node = node().await;
    let bus = bus(&node.url()).await;
    App::new("frames")
        .state(Count::default())
        .handlers(handlers![faltering])
        .declare(&bus)
        .await
        .unwrap();
    bus.close().await;
    let own = Arc::clone(&node);
    let setting = "application:set_env(rabbit, channel_max, 1).";
    blocking(move || own.ctl(&["eval", setting]).unwrap()).await;
    let bus = settings().connect(&node.url()).await.unwrap();
    let app = || {
        App::new("frames")
            .state(Count::default())
            .handlers(handlers![faltering])
    };
    // The handler takes the only channel. lapin frees the channel of an earlier declaration a moment after its close.
    let start = async {
        loop {
            match app().start(&bus).await {
                Ok(running) => return running,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let running = within("the start of the app", start).await;
    let error = app().declare(&bus).await;
    let text = error_text(&error.unwrap_err());
    assert!(text.contains("raise `channel_max`"), "{text}");
    assert_eq!(text.matches("cannot declare").count(), 1, "{text}");
    running.shutdown().await.unwrap();
    bus.close().await;
}
