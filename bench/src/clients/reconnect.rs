//! The time of a reconnect: from the cut to the next confirmed publish, and to the next handled event.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::options::BasicAckOptions;
use lapin::{BasicProperties, Channel, Connection};
use tidings::{App, event_handler, handlers};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::job::Run;
use super::lapin_wire::{QUEUE, confirm_channel, decode, encode, publish_order, subscribe};
use super::tidings_bus::connect;
use crate::event::{OrderCreated, SMALL_NOTE};
use crate::stopwatch::{Stopwatch, micros_since};

/// The age of a connection when it is cut. A client may wait longer before it replaces a younger connection, and that
/// wait is not measured here.
const CONNECTION_AGE: Duration = Duration::from_millis(1500);

const DEADLINE: Duration = Duration::from_secs(20);

#[event_handler("order.created")]
async fn take(order: OrderCreated, tidings::State(handled): tidings::State<mpsc::UnboundedSender<u64>>) {
    // A delivery may come twice after a cut, so the receiver waits for the number of the newest event.
    let _ = handled.send(order.total_cents);
}

pub(super) async fn tidings(run: &Run) {
    let proxy = CuttableProxy::start(&run.url).await;
    let bus = connect(&proxy.url).await;
    let (sender, mut handled) = mpsc::unbounded_channel();
    let app = App::new("bench").state(sender).handlers(handlers![take]);
    let app = app.start(&bus).await.expect("the queue exists");
    bus.publish(&numbered(0)).await.expect("the broker confirms");
    until(&mut handled, 0).await;
    measure(run, &proxy, &mut handled, async |number| {
        bus.publish(&numbered(number)).await.expect("the broker confirms");
    })
    .await;
    app.shutdown().await.expect("the shutdown succeeds");
}

/// A client with the least work: it reconnects at once, and checks nothing else.
pub(super) async fn lapin(run: &Run) {
    let proxy = CuttableProxy::start(&run.url).await;
    let (sender, mut handled) = mpsc::unbounded_channel();
    let mut open = open(&proxy.url, sender.clone()).await;
    measure(run, &proxy, &mut handled, async |number| {
        let (body, properties) = encode(&numbered(number));
        while !published(&open.1, &body, properties.clone()).await {
            open = self::open(&proxy.url, sender.clone()).await;
        }
    })
    .await;
}

/// Cuts the connection before each event, and measures until the event is confirmed and until it is handled.
async fn measure(
    run: &Run,
    proxy: &CuttableProxy,
    handled: &mut mpsc::UnboundedReceiver<u64>,
    mut publish: impl AsyncFnMut(u64),
) {
    let stopwatch = Stopwatch::start();
    let (mut confirms, mut deliveries) = (Vec::new(), Vec::new());
    for number in 1..=run.events {
        tokio::time::sleep(CONNECTION_AGE).await;
        proxy.cut();
        let cut = Instant::now();
        publish(number).await;
        confirms.push(micros_since(cut));
        until(handled, number).await;
        deliveries.push(micros_since(cut));
    }
    stopwatch
        .also("ms-to-handled", median(&mut deliveries) / 1000.0)
        .stop(run.events, confirms);
}

/// Opens a connection with a confirm channel and a consumer.
async fn open(url: &str, handled: mpsc::UnboundedSender<u64>) -> (Connection, Channel) {
    let (connection, publishing) = confirm_channel(url).await;
    let consuming = connection
        .create_channel()
        .await
        .expect("the broker opens a channel");
    let mut deliveries = subscribe(&consuming, QUEUE, 256).await;
    tokio::spawn(async move {
        while let Some(Ok(delivery)) = deliveries.next().await {
            let event = decode(&delivery.data);
            // The ack fails when the connection is cut again.
            let _ = delivery.ack(BasicAckOptions::default()).await;
            let _ = handled.send(event.total_cents);
        }
    });
    (connection, publishing)
}

async fn published(channel: &Channel, body: &[u8], properties: BasicProperties) -> bool {
    if !channel.status().connected() {
        return false;
    }
    match publish_order(channel, body, properties).await {
        Ok(confirm) => confirm.await.is_ok_and(|confirmation| confirmation.is_ack()),
        Err(_) => false,
    }
}

fn numbered(number: u64) -> OrderCreated {
    OrderCreated {
        total_cents: number,
        ..OrderCreated::new(number, SMALL_NOTE)
    }
}

async fn until(handled: &mut mpsc::UnboundedReceiver<u64>, number: u64) {
    let wanted = async { while handled.recv().await.is_some_and(|found| found != number) {} };
    tokio::time::timeout(DEADLINE, wanted)
        .await
        .expect("the event is handled");
}

fn median(micros: &mut [u32]) -> f64 {
    micros.sort_unstable();
    micros.get(micros.len() / 2).copied().map_or(0.0, f64::from)
}

/// A TCP proxy in front of the broker whose connections can be cut.
struct CuttableProxy {
    url: String,
    cut: watch::Sender<u64>,
}

impl CuttableProxy {
    async fn start(url: &str) -> Self {
        let start = url.rfind('@').map_or("amqp://".len(), |at| at + 1);
        let length = url[start..].find('/').unwrap_or(url.len() - start);
        let broker = url[start..start + length].to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let own = listener.local_addr().expect("it has an address").to_string();
        let (cut, cuts) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (broker, mut cuts) = (broker.clone(), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(broker).await?;
                    // Nagle's algorithm would delay small packets, and that delay is not measured here.
                    near.set_nodelay(true)?;
                    far.set_nodelay(true)?;
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {}
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        let url = format!("{}{own}{}", &url[..start], &url[start + length..]);
        Self { url, cut }
    }

    /// Cuts every open connection. New ones work.
    fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}
