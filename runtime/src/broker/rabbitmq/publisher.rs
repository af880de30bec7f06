//! The publisher task owns the confirm channel, and everybody else sends commands to it.
//!
//! lapin matches confirms to publishes by their order. If two tasks publish on one channel, lapin can report a nacked
//! message as confirmed. So one task publishes. It writes up to [`BATCH`] messages at once, and never waits for a
//! single write or a single confirm.
//!
//! [`PublishQueue`] decides what happens to each message. This file contains the parts that need time or the network.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, PublisherConfirm};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::channel_rotation::ChannelRotation;
use super::connection::{LiveConnection, LiveState};
use super::connection_state::{ConnectionChange, ConnectionState};
use super::error::RabbitError;
use super::in_flight::{InFlight, InFlightPublish};
use super::known_refusals::KnownRefusals;
use super::oldest_publish::OldestPublish;
use super::properties::{self, TooLong, short};
use super::publish_queue::{self, PublishQueue};
use super::topology_watch::CheckRequest;
use crate::backoff::Backoff;
use crate::broker::Publish;
use crate::bus::refusal::Refusal;
use crate::message::Message;
use crate::telemetry;

/// How many messages are written at once.
const BATCH: usize = 64;

/// How often abandoned publishes are removed and the channel is checked.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the publisher task waits until a missing exchange is declared again.
const TOPOLOGY_TIMEOUT: Duration = Duration::from_secs(5);

/// The waits before a new channel is opened.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Publisher {
    commands: mpsc::UnboundedSender<PublisherCommand>,
    oldest: OldestPublish,
}

#[derive(Debug)]
enum PublisherCommand {
    Publish(Publish),
    PublishAll(Vec<Publish>),
    /// Accept no more messages, and answer when every message is confirmed or refused.
    Close(oneshot::Sender<()>),
}

impl PublisherCommand {
    /// Answers the command of a closed publisher.
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
    /// Starts the publisher task. The task sends to `topology_checks` when an exchange does not exist.
    pub(super) fn start(
        states: watch::Receiver<LiveState>,
        topology_checks: mpsc::UnboundedSender<CheckRequest>,
    ) -> Self {
        let (sender, commands) = mpsc::unbounded_channel();
        let oldest = OldestPublish::default();
        let task = PublisherTask {
            commands,
            states,
            topology_checks,
            queue: PublishQueue::default(),
            closing: None,
            are_senders_dropped: false,
            next_sweep: Instant::now() + SWEEP_INTERVAL,
            rotation: ChannelRotation::default(),
            refusals: KnownRefusals::default(),
            oldest: oldest.clone(),
        };
        tokio::spawn(task.run());
        Self {
            commands: sender,
            oldest,
        }
    }

    pub(super) fn oldest(&self) -> &OldestPublish {
        &self.oldest
    }

    /// Publishes a message. The bus's window and the consumers' prefetch limit the length of the command queue.
    pub(super) fn send(&self, publish: Publish) {
        self.command(PublisherCommand::Publish(publish));
    }

    pub(super) fn send_all(&self, publishes: Vec<Publish>) {
        self.command(PublisherCommand::PublishAll(publishes));
    }

    fn command(&self, command: PublisherCommand) {
        if let Err(mpsc::error::SendError(command)) = self.commands.send(command) {
            command.refuse();
        }
    }

    /// Accepts no more messages, and waits until every message is confirmed or refused.
    pub(super) async fn close(&self) {
        let (closed, all_closed) = oneshot::channel();
        if self.commands.send(PublisherCommand::Close(closed)).is_ok() {
            let _ = all_closed.await;
        }
    }
}

struct PublisherTask {
    commands: mpsc::UnboundedReceiver<PublisherCommand>,
    states: watch::Receiver<LiveState>,
    topology_checks: mpsc::UnboundedSender<CheckRequest>,
    queue: PublishQueue,
    /// Answers `close` when the queue is flushed.
    closing: Option<oneshot::Sender<()>>,
    /// The receiver is always ready when every sender is dropped, so the loops stop polling it then.
    are_senders_dropped: bool,
    next_sweep: Instant,
    rotation: ChannelRotation,
    refusals: KnownRefusals,
    oldest: OldestPublish,
}

/// Why the task leaves a channel.
enum ChannelEnd {
    Lost(RabbitError),
    Closed,
}

impl PublisherTask {
    async fn run(mut self) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        while let Some(live) = self.wait_for_connection().await {
            let error = match open_channel(&live).await {
                Ok(channel) => match self.publish_on(&channel, &live, &mut backoff).await {
                    ChannelEnd::Closed => break,
                    ChannelEnd::Lost(error) => error,
                },
                Err(error) => error,
            };
            let has_refused = self.channel_lost(&error);
            if has_refused && !error.is_not_found() {
                // The message that caused the loss is gone, so the others are sent again at once.
                continue;
            }
            let checked = error.is_not_found().then(|| self.request_topology_check());
            // The broker may close every new channel at once, so the task waits before it opens the next one.
            let wait = tokio::time::sleep(backoff.next_wait());
            let pause = async {
                wait.await;
                // Events are lost if they are published after the exchange is declared and before its bindings are.
                if let Some(checked) = checked {
                    let _ = tokio::time::timeout(TOPOLOGY_TIMEOUT, checked).await;
                }
            };
            self.idle_until(Box::pin(pause)).await;
        }
        self.refuse_all();
    }

    /// Processes commands until `done` is ready. Returns `None` if the bus closes while there is no connection.
    async fn idle_until<T>(&mut self, mut done: impl Future<Output = T> + Unpin) -> Option<T> {
        loop {
            if self.queue.is_closing() && !matches!(*self.states.borrow(), ConnectionState::Up(_)) {
                return None;
            }
            let sweep = self.next_sweep;
            tokio::select! {
                done = &mut done => return Some(done),
                command = self.commands.recv(), if !self.are_senders_dropped => self.process(command),
                () = tokio::time::sleep_until(sweep) => self.sweep(),
            }
        }
    }

    /// Waits for a connection. Returns `None` if the supervisor has ended, or if the bus closes before.
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

    /// Publishes on one channel until the channel ends.
    async fn publish_on(
        &mut self,
        channel: &Channel,
        live: &LiveConnection,
        backoff: &mut Backoff,
    ) -> ChannelEnd {
        self.rotation.channel_opened();
        let mut in_flight = InFlight::default();
        let mut states = self.states.clone();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            if !self.rotation.is_draining() {
                self.write(channel, live, &mut in_flight).await;
            } else if self.queue.is_none_in_flight() {
                return ChannelEnd::Lost(RabbitError::new(
                    "the broker nacked publishes that it may accept on another channel",
                ));
            }
            if self.queue.is_closing() && self.queue.is_flushed() && self.commands.is_empty() {
                return ChannelEnd::Closed;
            }
            let sweep = self.next_sweep;
            let can_write = !self.rotation.is_draining() && self.queue.can_send(self.is_blocked());
            tokio::select! {
                biased;
                event = in_flight.next() => {
                    backoff.reset();
                    if let Err(error) = in_flight.process_all(event, &mut self.queue) {
                        return ChannelEnd::Lost(error);
                    }
                }
                received = self.commands.recv_many(&mut batch, BATCH), if !self.are_senders_dropped => {
                    if received == 0 {
                        self.process(None);
                    }
                    batch.drain(..).for_each(|command| self.process(Some(command)));
                }
                // A command can contain several batches. The yield lets lapin's I/O task run between batches.
                () = tokio::task::yield_now(), if can_write => {}
                changed = states.changed() => match changed.map(|()| states.borrow().change_for(live.number)) {
                    Ok(ConnectionChange::Unchanged) => {}
                    Ok(ConnectionChange::Lost(why)) => return ChannelEnd::Lost(RabbitError::new(why)),
                    Ok(ConnectionChange::Closed) | Err(_) => return ChannelEnd::Closed,
                },
                () = tokio::time::sleep_until(sweep) => {
                    self.sweep();
                    if self.queue.has_too_many_abandoned() {
                        return ChannelEnd::Lost(RabbitError::new("too many publishes were never confirmed"));
                    }
                    self.rotation.update(self.queue.has_nacks(), Instant::now());
                    if !channel.status().connected() {
                        return ChannelEnd::Lost(RabbitError::new("the channel is closed"));
                    }
                }
            }
        }
    }

    /// Writes one batch of the messages that may be sent now.
    async fn write<'a>(&mut self, channel: &'a Channel, live: &LiveConnection, in_flight: &mut InFlight<'a>) {
        let frame_max = live.connection.configuration().frame_max();
        for _ in 0..BATCH {
            let is_blocked = self.is_blocked();
            let Some(publish) = self.queue.pop(is_blocked) else {
                break;
            };
            if let Some(refusal) = self.refusals.find(&publish.message, Instant::now) {
                publish.confirm.finish(Err(refusal));
                continue;
            }
            let number = self.queue.next_number();
            let publish_number = publish.mandatory.then_some(number);
            match AmqpPublish::new(&publish.message, publish_number, frame_max) {
                Ok(message) => {
                    let sending = InFlightPublish::new(number, message.publish(channel, publish.mandatory));
                    self.queue.sent(publish);
                    in_flight.start(sending).await;
                }
                Err(too_long) => {
                    let refusal = Refusal::Unacceptable(too_long.to_string());
                    publish.confirm.finish(Err(refusal));
                }
            }
        }
    }

    /// Returns whether a message was refused, because the broker closed the channel for it.
    fn channel_lost(&mut self, error: &RabbitError) -> bool {
        let refusal = publish_queue::refusal(error);
        self.refusals.remember(error, refusal, Instant::now());
        let (unconfirmed, resent) = self.queue.channel_lost(error);
        if unconfirmed == 0 {
            tracing::debug!(%error, "publish channel lost");
            return false;
        }
        tracing::warn!(unconfirmed, %error, "publish channel lost");
        if resent > 0 {
            telemetry::resent(resent);
            self.sweep();
        }
        resent < unconfirmed
    }

    /// Requests a check of the topology. The receiver is ready when the check is done.
    fn request_topology_check(&self) -> oneshot::Receiver<()> {
        let (request, checked) = oneshot::channel();
        // An error means that the bus was dropped.
        let _ = self.topology_checks.send(request);
        checked
    }

    fn process(&mut self, command: Option<PublisherCommand>) {
        match command {
            Some(PublisherCommand::Publish(publish)) => self.queue.push(publish),
            Some(PublisherCommand::PublishAll(publishes)) => {
                publishes.into_iter().for_each(|publish| self.queue.push(publish));
            }
            Some(PublisherCommand::Close(closed)) => {
                self.queue.close();
                self.closing = Some(closed);
            }
            // Every bus was dropped, so no caller waits for the rest.
            None => {
                self.are_senders_dropped = true;
                self.queue.close();
            }
        }
    }

    /// Removes queued messages that their callers abandoned, and records the oldest one.
    fn sweep(&mut self) {
        self.next_sweep = Instant::now() + SWEEP_INTERVAL;
        let dropped = self.queue.sweep();
        if dropped > 0 {
            tracing::debug!(dropped, "abandoned publishes removed");
        }
        let (oldest, unconfirmed) = self.queue.oldest();
        self.oldest.update(oldest, unconfirmed, Instant::now());
    }

    fn is_blocked(&self) -> bool {
        matches!(&*self.states.borrow(), ConnectionState::Up(live) if live.blocked.is_some())
    }

    /// Refuses every message that was not sent. Messages in flight stay without an answer.
    fn refuse_all(mut self) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            command.refuse();
        }
        self.oldest.update(None, 0, Instant::now());
        self.queue.refuse_all();
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
    let opened = tokio::time::timeout(OPEN_TIMEOUT, opening).await;
    opened.map_err(|_| RabbitError::new("the broker did not open a channel in time"))?
}

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
