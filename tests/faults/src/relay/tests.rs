//! What a network does that misbehaves on request.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);
/// How long nothing has to come for nothing to come.
const SILENCE: Duration = Duration::from_millis(200);

/// A broker that gives back what it gets, behind a relay.
async fn echo() -> Relay {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Relay::start(port).await.unwrap()
}

async fn client(relay: &Relay) -> TcpStream {
    TcpStream::connect(("127.0.0.1", relay.port())).await.unwrap()
}

async fn health_reports(client: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
}

async fn hears(client: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    timeout(DEADLINE, client.read_exact(&mut heard))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(heard, text.as_bytes());
}

async fn hears_nothing(client: &mut TcpStream) {
    let heard = timeout(SILENCE, client.read(&mut [0; 8])).await;
    assert!(heard.is_err(), "{heard:?}");
}

/// What the client learns of the end.
async fn end(client: &mut TcpStream) -> io::Result<usize> {
    timeout(DEADLINE, client.read(&mut [0; 8])).await.unwrap()
}

#[tokio::test]
async fn what_goes_in_comes_out_both_ways_in_order() {
    let relay = echo().await;
    let mut one = client(&relay).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let (mut from, mut to) = one.split();
    let mut came = vec![0; sent.len()];
    let both = async { tokio::join!(to.write_all(&sent), from.read_exact(&mut came)) };
    let (wrote, read) = timeout(DEADLINE, both).await.unwrap();
    wrote.unwrap();
    read.unwrap();
    assert!(came == sent);
    assert_eq!((relay.living(), relay.accepted()), (1, 1));
}

#[tokio::test]
async fn a_black_hole_holds_everything_back_and_tells_nobody() {
    let relay = echo().await;
    let mut old = client(&relay).await;
    health_reports(&mut old, "a").await;
    hears(&mut old, "a").await;
    relay.set(Mode::BlackHole);
    let mut new = client(&relay).await;
    health_reports(&mut old, "b").await;
    health_reports(&mut new, "c").await;
    hears_nothing(&mut old).await;
    hears_nothing(&mut new).await;
    relay.set(Mode::Forward);
    hears(&mut old, "b").await;
    hears(&mut new, "c").await;
}

#[tokio::test]
async fn half_open_lets_one_way_through() {
    let relay = echo().await;
    let mut one = client(&relay).await;
    health_reports(&mut one, "a").await;
    hears(&mut one, "a").await;
    for direction in [Direction::ToBroker, Direction::ToClient] {
        relay.set(Mode::HalfOpen(direction));
        health_reports(&mut one, "b").await;
        hears_nothing(&mut one).await;
        relay.set(Mode::Forward);
        hears(&mut one, "b").await;
    }
}

#[tokio::test]
async fn a_throttle_lets_no_more_through_than_it_says() {
    let relay = echo().await;
    relay.set(Mode::Throttled(4_000));
    let mut one = client(&relay).await;
    let (text, started) = ("x".repeat(2_000), Instant::now());
    health_reports(&mut one, &text).await;
    hears(&mut one, &text).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(400), "{took:?}");
}

#[tokio::test]
async fn what_is_late_is_late_both_ways_and_all_of_it_at_once() {
    let relay = echo().await;
    let late = Duration::from_millis(100);
    relay.set(Mode::Late(late));
    let mut one = client(&relay).await;
    let started = Instant::now();
    for _ in 0..50 {
        health_reports(&mut one, "word ").await;
    }
    hears(&mut one, &"word ".repeat(50)).await;
    let took = started.elapsed();
    // One by one it would be ten seconds.
    assert!(took >= 2 * late && took < 20 * late, "{took:?}");
}

#[tokio::test]
async fn what_is_new_can_be_closed_at_once_beside_what_lives() {
    let relay = echo().await;
    let mut old = client(&relay).await;
    health_reports(&mut old, "a").await;
    hears(&mut old, "a").await;
    relay.set(Mode::CloseNew);
    let mut new = client(&relay).await;
    assert_eq!(end(&mut new).await.unwrap(), 0);
    health_reports(&mut old, "b").await;
    hears(&mut old, "b").await;
    assert_eq!((relay.living(), relay.accepted()), (1, 2));
}

#[tokio::test]
async fn a_cut_ends_those_that_live_and_no_other() {
    let relay = echo().await;
    for (how, reset) in [(Cut::Fin, false), (Cut::Reset, true)] {
        let mut one = client(&relay).await;
        health_reports(&mut one, "a").await;
        hears(&mut one, "a").await;
        assert_eq!(relay.cut(how), 1);
        let told = end(&mut one).await;
        assert_eq!(told.is_err(), reset, "{told:?}");
        assert!(told.is_err() || told.is_ok_and(|len| len == 0));
    }
}

#[tokio::test]
async fn a_broker_can_go_without_a_word_to_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::start(listener.local_addr().unwrap().port()).await.unwrap();
    let mut one = client(&relay).await;
    let (mut broker, _) = listener.accept().await.unwrap();
    relay.cut(Cut::BrokerOnly);
    assert!(end(&mut broker).await.is_err());
    health_reports(&mut one, "is anyone there?").await;
    hears_nothing(&mut one).await;
    relay.cut(Cut::Reset);
    assert!(end(&mut one).await.is_err());
}

#[tokio::test]
async fn with_the_relay_its_connections_end() {
    let relay = echo().await;
    let mut one = client(&relay).await;
    health_reports(&mut one, "a").await;
    hears(&mut one, "a").await;
    let port = relay.port();
    drop(relay);
    assert!(end(&mut one).await.is_err());
    let refused = timeout(DEADLINE, async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {}
    });
    refused.await.unwrap();
}
