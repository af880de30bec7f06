//! Tests of the relay in each mode.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);
/// How long a silent connection is watched.
const SILENCE: Duration = Duration::from_millis(200);

/// Starts an echo server behind a relay.
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

async fn send(client: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
}

async fn receive(client: &mut TcpStream, text: &str) {
    let mut received = vec![0; text.len()];
    timeout(DEADLINE, client.read_exact(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(received, text.as_bytes());
}

async fn receive_nothing(client: &mut TcpStream) {
    let received = timeout(SILENCE, client.read(&mut [0; 8])).await;
    assert!(received.is_err(), "{received:?}");
}

/// Returns `Ok(0)` for a FIN and an error for a RST.
async fn read_end(client: &mut TcpStream) -> io::Result<usize> {
    timeout(DEADLINE, client.read(&mut [0; 8])).await.unwrap()
}

#[tokio::test]
async fn bytes_pass_in_both_directions_in_order() {
    let relay = echo().await;
    let mut one = client(&relay).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let (mut from, mut to) = one.split();
    let mut received = vec![0; sent.len()];
    let both = async { tokio::join!(to.write_all(&sent), from.read_exact(&mut received)) };
    let (wrote, read) = timeout(DEADLINE, both).await.unwrap();
    wrote.unwrap();
    read.unwrap();
    assert!(received == sent);
    assert_eq!((relay.open_connections(), relay.accepted()), (1, 1));
}

#[tokio::test]
async fn a_black_hole_keeps_all_bytes_and_closes_nothing() {
    let relay = echo().await;
    let mut old = client(&relay).await;
    send(&mut old, "a").await;
    receive(&mut old, "a").await;
    relay.set(Mode::BlackHole);
    let mut new = client(&relay).await;
    send(&mut old, "b").await;
    send(&mut new, "c").await;
    receive_nothing(&mut old).await;
    receive_nothing(&mut new).await;
    relay.set(Mode::Forward);
    receive(&mut old, "b").await;
    receive(&mut new, "c").await;
}

#[tokio::test]
async fn half_open_passes_one_direction_only() {
    let relay = echo().await;
    let mut one = client(&relay).await;
    send(&mut one, "a").await;
    receive(&mut one, "a").await;
    for direction in [Direction::ToBroker, Direction::ToClient] {
        relay.set(Mode::HalfOpen(direction));
        send(&mut one, "b").await;
        receive_nothing(&mut one).await;
        relay.set(Mode::Forward);
        receive(&mut one, "b").await;
    }
}

#[tokio::test]
async fn a_throttle_limits_the_bytes_per_second() {
    let relay = echo().await;
    relay.set(Mode::Throttled(4_000));
    let mut one = client(&relay).await;
    let (text, started) = ("x".repeat(2_000), Instant::now());
    send(&mut one, &text).await;
    receive(&mut one, &text).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(400), "{took:?}");
}

#[tokio::test]
async fn a_delay_applies_once_in_each_direction() {
    let relay = echo().await;
    let late = Duration::from_millis(100);
    relay.set(Mode::Late(late));
    let mut one = client(&relay).await;
    let started = Instant::now();
    for _ in 0..50 {
        send(&mut one, "a").await;
    }
    receive(&mut one, &"a".repeat(50)).await;
    let took = started.elapsed();
    // Fifty delays in a row would take ten seconds.
    assert!(took >= 2 * late && took < 20 * late, "{took:?}");
}

#[tokio::test]
async fn close_new_closes_new_connections_only() {
    let relay = echo().await;
    let mut old = client(&relay).await;
    send(&mut old, "a").await;
    receive(&mut old, "a").await;
    relay.set(Mode::CloseNew);
    let mut new = client(&relay).await;
    assert_eq!(read_end(&mut new).await.unwrap(), 0);
    send(&mut old, "b").await;
    receive(&mut old, "b").await;
    assert_eq!((relay.open_connections(), relay.accepted()), (1, 2));
}

#[tokio::test]
async fn a_cut_closes_open_connections_only() {
    let relay = echo().await;
    for (how, reset) in [(Cut::Fin, false), (Cut::Reset, true)] {
        let mut one = client(&relay).await;
        send(&mut one, "a").await;
        receive(&mut one, "a").await;
        assert_eq!(relay.cut(how), 1);
        let result = read_end(&mut one).await;
        assert_eq!(result.is_err(), reset, "{result:?}");
        assert!(result.is_err() || result.is_ok_and(|len| len == 0));
    }
}

#[tokio::test]
async fn a_cut_of_the_brokers_end_is_not_visible_to_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::start(listener.local_addr().unwrap().port()).await.unwrap();
    let mut one = client(&relay).await;
    let (mut broker, _) = listener.accept().await.unwrap();
    relay.cut(Cut::BrokerOnly);
    assert!(read_end(&mut broker).await.is_err());
    send(&mut one, "a").await;
    receive_nothing(&mut one).await;
    relay.cut(Cut::Reset);
    assert!(read_end(&mut one).await.is_err());
}

#[tokio::test]
async fn dropping_the_relay_closes_its_connections() {
    let relay = echo().await;
    let mut one = client(&relay).await;
    send(&mut one, "a").await;
    receive(&mut one, "a").await;
    let port = relay.port();
    drop(relay);
    assert!(read_end(&mut one).await.is_err());
    let refused = timeout(DEADLINE, async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {}
    });
    refused.await.unwrap();
}
