//! How long a cut connection stays cut: from the cut to the next confirmed publish, and to the next handled event.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tidings::{App, event_handler, handlers};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::lapin_wire::{QUEUE, encode, hand_over};
use super::tidings::connect;
use crate::event::{OrderCreated, SMALL};
use crate::stopwatch::{Stopwatch, micros_since};
use crate::worker::Run;

/// How long a connection lives before it is cut: who makes a new one at once is right to be slower when it is lost at
/// once, too.
const CALM: Duration = Duration::from_millis(1500);

/// How long it may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(20);

#[event_handler("order.created")]
async fn take(order: OrderCreated, tidings::State(handled): tidings::State<mpsc::UnboundedSender<u64>>) {
    // A delivery may come twice after a cut; who waits looks for the newest.
    let _ = handled.send(order.total_cents);
}

pub(super) async fn tidings(run: &Run) {
    let line = Line::to(&run.url).await;
    let bus = connect(&line.url).await;
    let (sender, mut handled) = mpsc::unbounded_channel();
    let app = App::new("bench").state(sender).handlers(handlers![take]);
    let app = app.start(&bus).await.expect("the queue is there");
    bus.publish(&numbered(0)).await.expect("the broker confirms");
    until(&mut handled, 0).await;
    let stopwatch = Stopwatch::start();
    let (mut confirms, mut deliveries) = (Vec::new(), Vec::new());
    for number in 1..=run.events {
        tokio::time::sleep(CALM).await;
        line.cut();
        let cut = Instant::now();
        bus.publish(&numbered(number)).await.expect("the broker confirms");
        confirms.push(micros_since(cut));
        until(&mut handled, number).await;
        deliveries.push(micros_since(cut));
    }
    stopwatch
        .also("ms-to-handled", middle(&mut deliveries) / 1000.0)
        .stop(run.events, confirms);
    app.shutdown().await.expect("nothing is left");
}

/// What is the least that it can take: connect anew at once, without a look at what else may be wrong.
pub(super) async fn lapin(run: &Run) {
    let line = Line::to(&run.url).await;
    let (sender, mut handled) = mpsc::unbounded_channel();
    let mut open = open(&line.url, sender.clone()).await;
    let stopwatch = Stopwatch::start();
    let (mut confirms, mut deliveries) = (Vec::new(), Vec::new());
    for number in 1..=run.events {
        tokio::time::sleep(CALM).await;
        line.cut();
        let cut = Instant::now();
        let (body, properties) = encode(&numbered(number));
        while !published(&open.1, &body, properties.clone()).await {
            open = self::open(&line.url, sender.clone()).await;
        }
        confirms.push(micros_since(cut));
        until(&mut handled, number).await;
        deliveries.push(micros_since(cut));
    }
    stopwatch
        .also("ms-to-handled", middle(&mut deliveries) / 1000.0)
        .stop(run.events, confirms);
}

/// A connection that publishes, and consumes beside it.
async fn open(url: &str, handled: mpsc::UnboundedSender<u64>) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .expect("the broker takes connections");
    let sending = connection.create_channel().await.expect("channels are there");
    sending
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("the channel confirms");
    let taking = connection.create_channel().await.expect("channels are there");
    let mut deliveries = taking
        .basic_consume(
            QUEUE.into(),
            "best".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("the queue is there");
    tokio::spawn(async move {
        while let Some(Ok(delivery)) = deliveries.next().await {
            let event = super::lapin_wire::decode(&delivery.data);
            // The connection may be cut again.
            let _ = delivery.ack(BasicAckOptions::default()).await;
            let _ = handled.send(event.total_cents);
        }
    });
    (connection, sending)
}

async fn published(channel: &Channel, body: &[u8], properties: BasicProperties) -> bool {
    if !channel.status().connected() {
        return false;
    }
    match hand_over(channel, body, properties).await {
        Ok(confirm) => confirm.await.is_ok_and(|confirmation| confirmation.is_ack()),
        Err(_) => false,
    }
}

fn numbered(number: u64) -> OrderCreated {
    OrderCreated {
        total_cents: number,
        ..OrderCreated::new(number, SMALL)
    }
}

async fn until(handled: &mut mpsc::UnboundedReceiver<u64>, number: u64) {
    let wanted = async { while handled.recv().await.is_some_and(|found| found != number) {} };
    tokio::time::timeout(PATIENCE, wanted)
        .await
        .expect("the event is handled");
}

fn middle(micros: &mut [u32]) -> f64 {
    micros.sort_unstable();
    micros.get(micros.len() / 2).copied().map_or(0.0, f64::from)
}

/// A line to the broker that can be cut.
struct Line {
    url: String,
    cut: watch::Sender<u64>,
}

impl Line {
    async fn to(url: &str) -> Self {
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
                    // Without it the kernel holds small packets back, which is not what is measured.
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

    /// Cuts every connection there is; new ones are let through.
    fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}
