//! The publisher: one task owns the confirm channel, and everybody else sends to it.
//!
//! It is the one owner because the client library matches confirms to publishes by their order: published from two tasks
//! on one channel, a refused message is reported as taken. It takes what is in its inbox, writes up to [`BATCH`] at one
//! go, and never waits for one write or one confirm alone.
//!
//! What becomes of each message is the outbox's to decide; here is only what has to do with time and the network.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, PublisherConfirm};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::channel_rotation::ChannelRotation;
use super::connection::LiveConnection;
use super::connection_state::{ConnectionChange, ConnectionState};
use super::error::RabbitError;
use super::in_flight::{InFlight, InFlightPublish};
use super::properties::{self, TooLong, short};
use super::publish_queue::PublishQueue;
use super::topology_watch::Missing;
use crate::backoff::Backoff;
use crate::broker::Publish;
use crate::bus::refusal::Refusal;
use crate::message::Message;
use crate::telemetry;

/// How many messages are written in one go.
const BATCH: usize = 64;

/// How often what nobody waits for any more is let go.
const SWEEP: Duration = Duration::from_secs(1);

/// How long opening a channel may take.
const OPENING: Duration = Duration::from_secs(10);

/// How long nothing is published at most while an exchange that is gone is declared again.
const REPAIRING: Duration = Duration::from_secs(5);

/// The way to the publisher.
#[derive(Debug)]
pub(super) struct Publisher {
    inbox: mpsc::UnboundedSender<PublisherCommand>,
}

#[derive(Debug)]
enum PublisherCommand {
    Publish(Publish),
    PublishAll(Vec<Publish>),
    /// Take nothing more; answer when all is confirmed or refused.
    Close(oneshot::Sender<()>),
}

impl PublisherCommand {
    /// The bus is closed.
    fn refuse(self) {
        let refuse = |publish: Publish| publish.confirm.finish(Err(Refusal::Closed));
        match self {
            Self::Publish(publish) => refuse(publish),
            Self::PublishAll(publishes) => publishes.into_iter().for_each(refuse),
            Self::Close(_) => {}
        }
    }
}

impl Publisher {
    /// Starts the task; it tells `missing` when an exchange is not there.
    pub(super) fn start(states: watch::Receiver<ConnectionState>, missing: Missing) -> Self {
        let (inbox, orders) = mpsc::unbounded_channel();
        let desk = PublisherTask {
            orders,
            states,
            missing,
            outbox: PublishQueue::default(),
            closing: None,
            hung_up: false,
            next_sweep: Instant::now() + SWEEP,
            refusals: ChannelRotation::default(),
        };
        tokio::spawn(desk.run());
        Self { inbox }
    }

    /// Takes a message. The inbox has no bound of its own: the bus's window and the consumers' prefetch are the bound.
    pub(super) fn send(&self, publish: Publish) {
        if let Err(mpsc::error::SendError(order)) = self.inbox.send(PublisherCommand::Publish(publish)) {
            order.refuse();
        }
    }

    /// Takes messages, in their order.
    pub(super) fn send_all(&self, publishes: Vec<Publish>) {
        if let Err(mpsc::error::SendError(order)) = self.inbox.send(PublisherCommand::PublishAll(publishes)) {
            order.refuse();
        }
    }

    /// Waits until all that was sent is confirmed or refused, and takes nothing more.
    pub(super) async fn close(&self) {
        let (closed, all_closed) = oneshot::channel();
        if self.inbox.send(PublisherCommand::Close(closed)).is_ok() {
            let _ = all_closed.await;
        }
    }
}

/// The publisher's task.
struct PublisherTask {
    orders: mpsc::UnboundedReceiver<PublisherCommand>,
    states: watch::Receiver<ConnectionState>,
    missing: Missing,
    outbox: PublishQueue,
    /// Who is to hear that all is flushed.
    closing: Option<oneshot::Sender<()>>,
    /// Whether every sender is gone: the inbox says so again and again.
    hung_up: bool,
    next_sweep: Instant,
    refusals: ChannelRotation,
}

/// Why a channel is left.
enum ChannelEnd {
    Lost(RabbitError),
    Closed,
}

impl PublisherTask {
    async fn run(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        while let Some(live) = self.wait_for_connection().await {
            let fault = match open_channel(&live).await {
                Ok(channel) => match self.work(&channel, &live, &mut backoff).await {
                    ChannelEnd::Closed => break,
                    ChannelEnd::Lost(fault) => fault,
                },
                Err(fault) => fault,
            };
            self.channel_lost(&fault);
            let repaired = fault.is_missing().then(|| self.ask_for_repair());
            // Without it a channel that is closed as soon as it opens would be opened again and again.
            let pause = tokio::time::sleep(backoff.next_wait());
            let pause = async {
                pause.await;
                // An exchange that is there before its bindings are takes events for nobody.
                if let Some(repaired) = repaired {
                    let _ = tokio::time::timeout(REPAIRING, repaired).await;
                }
            };
            self.idle_until(Box::pin(pause)).await;
        }
        self.refuse_all();
    }

    /// Does what has to be done while there is no channel, until `done`.
    async fn idle_until<T>(&mut self, mut done: impl Future<Output = T> + Unpin) -> Option<T> {
        loop {
            if self.outbox.is_closing() && !matches!(*self.states.borrow(), ConnectionState::Up(_)) {
                return None;
            }
            let sweep = self.next_sweep;
            tokio::select! {
                done = &mut done => return Some(done),
                order = self.orders.recv(), if !self.hung_up => self.take(order),
                () = tokio::time::sleep_until(sweep) => self.sweep(),
            }
        }
    }

    /// The connection, once there is one. `None` when there will be none, or when the bus closes and there is none now.
    async fn wait_for_connection(&mut self) -> Option<LiveConnection> {
        let mut states = self.states.clone();
        let up = async move {
            match states
                .wait_for(|state| !matches!(state, ConnectionState::Down(_)))
                .await
                .as_deref()
            {
                Ok(ConnectionState::Up(live)) => Some(live.clone()),
                _ => None,
            }
        };
        self.idle_until(Box::pin(up)).await.flatten()
    }

    /// Publishes on one channel until it ends.
    async fn work(&mut self, channel: &Channel, live: &LiveConnection, backoff: &mut Backoff) -> ChannelEnd {
        self.refusals.moved();
        let mut ways = InFlight::default();
        let mut states = self.states.clone();
        let mut inbox = Vec::with_capacity(BATCH);
        loop {
            if !self.refusals.is_leaving() {
                self.write(channel, live, &mut ways).await;
            } else if self.outbox.is_at_rest() {
                return ChannelEnd::Lost(RabbitError::new("it refused what another may take"));
            }
            if self.outbox.is_closing() && self.outbox.is_flushed() && self.orders.is_empty() {
                return ChannelEnd::Closed;
            }
            let sweep = self.next_sweep;
            let may_write = !self.refusals.is_leaving() && self.outbox.may_leave(self.is_blocked());
            tokio::select! {
                biased;
                seen = ways.next() => {
                    backoff.reset();
                    if let Err(fault) = ways.see_all(seen, &mut self.outbox) {
                        return ChannelEnd::Lost(fault);
                    }
                }
                taken = self.orders.recv_many(&mut inbox, BATCH), if !self.hung_up => {
                    if taken == 0 {
                        self.take(None);
                    }
                    inbox.drain(..).for_each(|order| self.take(Some(order)));
                }
                // What came as one order may be more than is written in one go. The library's thread has its turn.
                () = tokio::task::yield_now(), if may_write => {}
                changed = states.changed() => match changed.map(|()| states.borrow().news(live.number)) {
                    Ok(ConnectionChange::Same) => {}
                    Ok(ConnectionChange::Lost(why)) => return ChannelEnd::Lost(RabbitError::new(why)),
                    Ok(ConnectionChange::Closed) | Err(_) => return ChannelEnd::Closed,
                },
                () = tokio::time::sleep_until(sweep) => {
                    self.sweep();
                    if self.outbox.is_forgotten() {
                        return ChannelEnd::Lost(RabbitError::new("too many publishes were never confirmed"));
                    }
                    self.refusals.look(self.outbox.has_refused(), Instant::now());
                    if !channel.status().connected() {
                        return ChannelEnd::Lost(RabbitError::new("the channel is closed"));
                    }
                }
            }
        }
    }

    /// Writes what waits, as far as it may leave now.
    async fn write<'a>(&mut self, channel: &'a Channel, live: &LiveConnection, ways: &mut InFlight<'a>) {
        let frame_max = live.connection.configuration().frame_max();
        for _ in 0..BATCH {
            let is_blocked = self.is_blocked();
            let Some(publish) = self.outbox.next(is_blocked) else {
                break;
            };
            let number = self.outbox.next_number();
            let returns_as = publish.mandatory.then_some(number);
            match AmqpPublish::new(&publish.message, returns_as, frame_max) {
                Ok(message) => {
                    let way = InFlightPublish::new(number, message.publish(channel, publish.mandatory));
                    self.outbox.sent(publish);
                    ways.set_out(way).await;
                }
                Err(too_long) => {
                    let refusal = Refusal::Unacceptable(too_long.to_string());
                    publish.confirm.finish(Err(refusal));
                }
            }
        }
    }

    fn channel_lost(&mut self, fault: &RabbitError) {
        let (unconfirmed, resent) = self.outbox.channel_lost(fault);
        if unconfirmed == 0 {
            return;
        }
        tracing::warn!(unconfirmed, "the publish channel was lost: {fault}");
        if resent > 0 {
            telemetry::resent(resent);
            self.sweep();
        }
    }

    /// The answer is there when all is declared again.
    fn ask_for_repair(&self) -> oneshot::Receiver<()> {
        let (repaired, answer) = oneshot::channel();
        // Nobody is there when the bus is gone.
        let _ = self.missing.send(repaired);
        answer
    }

    fn take(&mut self, order: Option<PublisherCommand>) {
        match order {
            Some(PublisherCommand::Publish(publish)) => self.outbox.take(publish),
            Some(PublisherCommand::PublishAll(publishes)) => {
                publishes
                    .into_iter()
                    .for_each(|publish| self.outbox.take(publish));
            }
            Some(PublisherCommand::Close(closed)) => {
                self.outbox.close();
                self.closing = Some(closed);
            }
            // Every bus is gone, and nobody waits for what is left.
            None => {
                self.hung_up = true;
                self.outbox.close();
            }
        }
    }

    /// Lets go of what waits here and nobody waits for.
    fn sweep(&mut self) {
        self.next_sweep = Instant::now() + SWEEP;
        let dropped = self.outbox.sweep();
        if dropped > 0 {
            tracing::debug!(dropped, "nobody waits for these publishes");
        }
    }

    fn is_blocked(&self) -> bool {
        matches!(&*self.states.borrow(), ConnectionState::Up(live) if live.blocked.is_some())
    }

    /// The end: what has not left is refused, and of what has left nobody will hear more.
    fn refuse_all(mut self) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            order.refuse();
        }
        self.outbox.refuse_all();
        if let Some(closed) = self.closing {
            let _ = closed.send(());
        }
    }
}

async fn open_channel(live: &LiveConnection) -> Result<Channel, RabbitError> {
    let opening = async {
        let channel = live.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    };
    let opened = tokio::time::timeout(OPENING, opening).await;
    opened.map_err(|_| RabbitError::new("the broker opens no channel"))?
}

/// A message as the library takes it.
struct AmqpPublish {
    message: Arc<Message>,
    exchange: lapin::types::ShortString,
    routing_key: lapin::types::ShortString,
    properties: lapin::BasicProperties,
}

impl AmqpPublish {
    fn new(message: &Arc<Message>, number: Option<u64>, frame_max: u32) -> Result<Self, TooLong> {
        Ok(Self {
            exchange: short("exchange", &message.exchange)?,
            routing_key: short("routing key", &message.routing_key)?,
            properties: properties::to_amqp(message, number, frame_max)?,
            message: Arc::clone(message),
        })
    }

    async fn publish(self, channel: &Channel, mandatory: bool) -> lapin::Result<PublisherConfirm> {
        let options = BasicPublishOptions {
            mandatory,
            immediate: false,
        };
        channel
            .basic_publish(
                self.exchange,
                self.routing_key,
                options,
                &self.message.body,
                self.properties,
            )
            .await
    }
}
