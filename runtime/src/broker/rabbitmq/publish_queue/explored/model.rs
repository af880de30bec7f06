//! An outbox with its callers, its driver, the network and the broker.

use std::collections::VecDeque;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::sync::Semaphore;

use super::super::PublishQueue;
use crate::broker::Publish;
use crate::broker::rabbitmq::confirm_tracker::ConfirmResult;
use crate::broker::rabbitmq::error::RabbitError;
use crate::bus::confirm::{PendingConfirms, confirm_group};
use crate::bus::publish::confirm_result;
use crate::bus::refusal::Refusal;
use crate::bus::unconfirmed::Unconfirmed;
use crate::error::PublishFault;
use crate::message::Message;
use crate::state_explorer::Model;

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Plain,
    /// No queue may take it, and then its caller wants to know.
    Mandatory,
    /// The broker closes the channel for it, and does not say for which.
    Poison,
    /// To an exchange that may be gone.
    ToGoing,
}

/// How much may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Room {
    pub(super) cuts: u8,
    pub(super) nacks: u8,
    pub(super) give_ups: u8,
    pub(super) blocks: u8,
    pub(super) closes: bool,
    pub(super) window: usize,
}

/// What the broker did with a message when it last came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fate {
    Unknown,
    Taken,
    Returned,
    Refused,
    /// It closed the channel.
    Fatal,
}

/// What a caller was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Told {
    Yes,
    No { maybe_delivered: bool },
}

struct Caller {
    kind: Kind,
    /// Which of the lots it is of, and where in it.
    lot: (usize, usize),
    came: bool,
    told: Option<Told>,
    /// The channel it was last sent on.
    sent_on: Option<u8>,
    fate: Fate,
    /// Whether the publisher saw the broker's word about that.
    heard: bool,
    /// Whether the broker took it, this time or before.
    ever_taken: bool,
}

/// A message on the way to the broker, or its word on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct InFlightPublish {
    number: u64,
    caller: usize,
}

/// The world.
pub(super) struct Publishing {
    outbox: Option<PublishQueue>,
    callers: Vec<Caller>,
    /// The answers of those that come together, while they are waited for.
    lots: Vec<Option<PendingConfirms>>,
    window: Arc<Semaphore>,
    room: Room,
    /// Which channel is open, and how many there have been.
    channel: Option<u8>,
    channels: u8,
    is_blocked: bool,
    /// Why the broker has closed the channel, before the publisher knows.
    fault: Option<(u16, &'static str)>,
    /// Written, and not read by the broker.
    written: VecDeque<InFlightPublish>,
    /// Answered by the broker, and not seen by the publisher.
    words: Vec<(InFlightPublish, bool)>,
    /// The library's line of returned messages.
    line: VecDeque<u64>,
    marks: Vec<u64>,
    /// Whether the publisher has seen something and not yet told its callers.
    midway: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The next lot is published.
    Come,
    /// The driver writes one message.
    Leave,
    /// The broker reads the first message that was written, and takes it.
    Take,
    Return,
    Refuse,
    /// It closes the channel for it.
    CloseChannel,
    /// The publisher sees one of the broker's words.
    See(usize),
    SeeMark(usize),
    /// The publisher has seen to all that was there, and tells its callers.
    Tell,
    /// The channel is lost on the way.
    Cut,
    /// The publisher sees that the broker has closed the channel.
    SeeFault,
    /// A channel is opened.
    Open,
    /// A lot's time is up.
    GiveUp(usize),
    Sweep,
    Block,
    Unblock,
    /// The bus is closed.
    Close,
    /// The publisher ends.
    End,
}

impl Publishing {
    /// Each comes alone.
    pub(super) fn new(kinds: &[Kind], room: Room) -> Self {
        Self::in_lots(&kinds.iter().map(std::slice::from_ref).collect::<Vec<_>>(), room)
    }

    /// Those of a lot come together, and are answered together.
    pub(super) fn in_lots(lots: &[&[Kind]], room: Room) -> Self {
        let caller = |kind: Kind, lot: (usize, usize)| Caller {
            kind,
            lot,
            came: false,
            told: None,
            sent_on: None,
            fate: Fate::Unknown,
            heard: false,
            ever_taken: false,
        };
        let in_lot = |(lot, kinds): (usize, &&[Kind])| {
            let kinds = kinds.iter().enumerate();
            kinds
                .map(|(at, kind)| caller(*kind, (lot, at)))
                .collect::<Vec<_>>()
        };
        let callers = lots.iter().enumerate().flat_map(in_lot);
        Self {
            outbox: Some(PublishQueue::default()),
            callers: callers.collect(),
            lots: lots.iter().map(|_| None).collect(),
            window: Arc::new(Semaphore::new(room.window)),
            room,
            channel: Some(1),
            channels: 1,
            is_blocked: false,
            fault: None,
            written: VecDeque::new(),
            words: Vec::new(),
            line: VecDeque::new(),
            marks: Vec::new(),
            midway: false,
        }
    }

    /// The lot that comes next, and how many it is.
    fn next_lot(&self) -> Option<(usize, usize)> {
        let (lot, _) = self.callers.iter().find(|caller| !caller.came)?.lot;
        Some((lot, self.callers.iter().filter(|it| it.lot.0 == lot).count()))
    }

    fn come(&mut self) {
        let Some((lot, count)) = self.next_lot() else {
            return;
        };
        let places = u32::try_from(count).unwrap_or(u32::MAX);
        let places = Arc::clone(&self.window).try_acquire_many_owned(places).ok();
        let (confirms, answers) = confirm_group(count, places);
        self.lots[lot] = Some(answers);
        let callers = self.callers.iter_mut().enumerate();
        let callers = callers.filter(|(_, caller)| caller.lot.0 == lot);
        for ((id, caller), confirm) in callers.zip(confirms) {
            caller.came = true;
            let mut message = Message::default();
            message
                .properties
                .change(|it| it.message_id = Some(id.to_string()));
            if caller.kind == Kind::ToGoing {
                message.exchange = "going".into();
            }
            let publish = Publish {
                message: Arc::new(message),
                mandatory: caller.kind == Kind::Mandatory,
                while_handling: false,
                confirm,
            };
            match &mut self.outbox {
                Some(outbox) => outbox.take(publish),
                None => publish.confirm.finish(Err(Refusal::Closed)),
            }
        }
    }

    fn leave(&mut self) -> Result<(), String> {
        let (Some(outbox), Some(channel)) = (&mut self.outbox, self.channel) else {
            return Err("it left without a channel".to_owned());
        };
        let Some(publish) = outbox.next(self.is_blocked) else {
            return Ok(());
        };
        let at = id(&publish);
        let number = outbox.next_number();
        outbox.sent(publish);
        let behind = self
            .callers
            .iter()
            .skip(at + 1)
            .any(|later| later.sent_on == Some(channel));
        let caller = &mut self.callers[at];
        match caller.told {
            Some(Told::Yes) => return Err(format!("{at} left again after its caller was told yes")),
            Some(Told::No {
                maybe_delivered: false,
            }) => return Err(format!("{at} left after its caller was told that it never would")),
            _ => {}
        }
        if caller.sent_on == Some(channel) {
            return Err(format!("{at} left twice on one channel"));
        }
        if behind {
            return Err(format!("{at} left behind one that came after it"));
        }
        (caller.sent_on, caller.fate, caller.heard) = (Some(channel), Fate::Unknown, false);
        self.written.push_back(InFlightPublish { number, caller: at });
        Ok(())
    }

    /// The broker reads the next message.
    fn read(&mut self, fate: Fate) -> Result<(), String> {
        let way = self.written.pop_front().ok_or("nothing was written")?;
        let caller = &mut self.callers[way.caller];
        caller.fate = fate;
        match fate {
            Fate::Taken => {
                caller.ever_taken = true;
                self.words.push((way, true));
                check_truth(way.caller, caller)?;
            }
            Fate::Returned => {
                self.line.push_back(way.number);
                self.words.push((way, true));
            }
            Fate::Refused => self.words.push((way, false)),
            Fate::Fatal if caller.kind == Kind::ToGoing => {
                self.fault = Some((404, "NOT_FOUND - no exchange 'going' in vhost '/'"));
            }
            Fate::Fatal | Fate::Unknown => self.fault = Some((406, "PRECONDITION_FAILED - bad")),
        }
        Ok(())
    }

    fn lose(&mut self, fault: &RabbitError) {
        self.channel = None;
        self.fault = None;
        self.is_blocked = false;
        self.midway = false;
        self.written.clear();
        self.words.clear();
        self.line.clear();
        self.marks.clear();
        if let Some(outbox) = &mut self.outbox {
            outbox.channel_lost(fault);
            outbox.sweep();
        }
    }

    /// Every caller looks for its answers.
    fn hear(&mut self) -> Result<(), String> {
        for lot in 0..self.lots.len() {
            let Some(answers) = &mut self.lots[lot] else {
                continue;
            };
            let mut context = Context::from_waker(Waker::noop());
            if Pin::new(answers).poll(&mut context).is_ready() {
                self.tell(lot)?;
            }
        }
        Ok(())
    }

    /// The caller of a lot waits no longer.
    fn tell(&mut self, lot: usize) -> Result<(), String> {
        let is_closing = self.outbox.as_ref().is_none_or(PublishQueue::is_closing);
        let Some(answers) = self.lots[lot].take() else {
            return Ok(());
        };
        let is_decided = answers.are_decided();
        let callers = self.callers.iter_mut().enumerate();
        let results: Vec<_> = callers
            .filter(|(_, caller)| caller.lot.0 == lot)
            .map(|(id, caller)| {
                let (_, at) = caller.lot;
                let is_answered = is_decided || answers.result(at).is_some();
                (
                    id,
                    is_answered,
                    confirm_result(&answers, at, PublishFault::Closed),
                )
            })
            .collect();
        drop(answers);
        for (id, is_answered, result) in results {
            let caller = &mut self.callers[id];
            if is_answered {
                check_answer(id, caller, &result, is_closing)?;
            }
            tell(id, caller, &result)?;
        }
        Ok(())
    }

    fn is_ended(&self) -> bool {
        self.outbox.is_none()
    }
}

fn id(publish: &Publish) -> usize {
    let id = publish.message.properties.message_id().unwrap_or_default();
    id.parse().expect("the id that it came with")
}

fn tell(at: usize, caller: &mut Caller, result: &Result<(), Unconfirmed>) -> Result<(), String> {
    let told = match result {
        Ok(()) => Told::Yes,
        Err(unsent) => Told::No {
            maybe_delivered: unsent.maybe_delivered,
        },
    };
    if caller.told.replace(told).is_some() {
        return Err(format!("{at} was answered twice"));
    }
    check_truth(at, caller)
}

fn check_truth(at: usize, caller: &Caller) -> Result<(), String> {
    let never = Some(Told::No {
        maybe_delivered: false,
    });
    if caller.told == never && caller.ever_taken {
        return Err(format!(
            "{at} was told that it was surely not delivered, and it was"
        ));
    }
    Ok(())
}

/// Whether the answer is what the broker said of this very message when it was last sent.
fn check_answer(
    at: usize,
    caller: &Caller,
    result: &Result<(), Unconfirmed>,
    is_closing: bool,
) -> Result<(), String> {
    let (fate, heard) = (caller.fate, caller.heard);
    let is_true = match result {
        Ok(()) => heard && (fate == Fate::Taken || fate == Fate::Returned && caller.kind != Kind::Mandatory),
        Err(unsent) => match &unsent.fault {
            PublishFault::Unroutable => heard && fate == Fate::Returned && caller.kind == Kind::Mandatory,
            PublishFault::Refused(why) if why.contains("exchange does not exist") => {
                caller.kind == Kind::ToGoing
            }
            PublishFault::Unpublishable(_) => caller.kind == Kind::Poison,
            PublishFault::Refused(_) => heard && fate == Fate::Refused,
            // Also what a caller is told whose message was let go.
            PublishFault::Closed => is_closing,
            _ => false,
        },
    };
    if is_true {
        return Ok(());
    }
    Err(format!(
        "{at} was told {result:?}; the broker: {fate:?}, heard: {heard}"
    ))
}

impl Model for Publishing {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self
            .next_lot()
            .is_some_and(|(_, count)| self.window.available_permits() >= count)
        {
            steps.push(Step::Come);
        }
        if self.room.give_ups > 0 {
            let waiting = self.lots.iter().enumerate().filter(|(_, lot)| lot.is_some());
            steps.extend(waiting.map(|(lot, _)| Step::GiveUp(lot)));
        }
        let Some(outbox) = &self.outbox else {
            return steps;
        };
        if self.room.closes && !outbox.is_closing() {
            steps.push(Step::Close);
        }
        if outbox.waiting.iter().any(|publish| !publish.confirm.is_awaited()) {
            steps.push(Step::Sweep);
        }
        if self.channel.is_none() {
            steps.push(if outbox.is_closing() {
                Step::End
            } else {
                Step::Open
            });
            return steps;
        }
        steps.extend((0..self.words.len()).map(Step::See));
        steps.extend((0..self.marks.len()).map(Step::SeeMark));
        if self.room.cuts > 0 {
            steps.push(Step::Cut);
        }
        match (&self.fault, self.written.front()) {
            (Some(_), _) => steps.push(Step::SeeFault),
            (None, Some(way)) => steps.extend(match self.callers[way.caller].kind {
                Kind::Plain => vec![Step::Take],
                Kind::Mandatory => vec![Step::Take, Step::Return],
                Kind::Poison => vec![Step::CloseChannel],
                Kind::ToGoing => vec![Step::Take, Step::CloseChannel],
            }),
            (None, None) => {}
        }
        if self.fault.is_none() && self.room.nacks > 0 && !self.written.is_empty() {
            steps.push(Step::Refuse);
        }
        if self.midway {
            steps.push(Step::Tell);
            return steps;
        }
        if outbox.is_closing() && outbox.is_flushed() {
            steps.push(Step::End);
        }
        if self.is_blocked {
            steps.push(Step::Unblock);
        } else {
            if self.room.blocks > 0 {
                steps.push(Step::Block);
            }
            if !outbox.waiting.is_empty() && (outbox.one_by_one == 0 || outbox.ledger.is_empty()) {
                steps.push(Step::Leave);
            }
        }
        steps
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Come => self.come(),
            Step::Leave => self.leave()?,
            Step::Take => self.read(Fate::Taken)?,
            Step::Return => self.read(Fate::Returned)?,
            Step::Refuse => {
                self.room.nacks -= 1;
                self.read(Fate::Refused)?;
            }
            Step::CloseChannel => self.read(Fate::Fatal)?,
            Step::See(at) => {
                let (way, taken) = self.words.remove(at);
                // It is heard of this sending, for words of other channels never come.
                self.callers[way.caller].heard = true;
                let word = if taken {
                    ConfirmResult::Ack
                } else {
                    ConfirmResult::Nack
                };
                let carried = self.line.pop_front();
                if let Some(outbox) = &mut self.outbox {
                    outbox.answered(way.number, word, carried);
                }
                self.midway = true;
            }
            Step::SeeMark(at) => {
                let mark = self.marks.remove(at);
                if let Some(outbox) = &mut self.outbox {
                    outbox.marked(mark);
                }
                self.midway = true;
            }
            Step::Tell => {
                if let Some(outbox) = &mut self.outbox {
                    self.marks.extend(outbox.mark());
                    outbox.tell();
                }
                self.midway = false;
            }
            Step::Cut => {
                self.room.cuts -= 1;
                self.lose(&RabbitError::new("cut"));
            }
            Step::SeeFault => {
                let (code, text) = self.fault.ok_or("no fault")?;
                self.lose(&RabbitError::said(code, text));
            }
            Step::Open => {
                self.channels += 1;
                self.channel = Some(self.channels);
                if self.channels > 10 {
                    return Err("channels are opened again and again".to_owned());
                }
            }
            Step::GiveUp(lot) => {
                self.room.give_ups -= 1;
                self.tell(lot)?;
            }
            Step::Sweep => {
                if let Some(outbox) = &mut self.outbox {
                    outbox.sweep();
                }
            }
            Step::Block => {
                self.room.blocks -= 1;
                self.is_blocked = true;
            }
            Step::Unblock => self.is_blocked = false,
            Step::Close => {
                if let Some(outbox) = &mut self.outbox {
                    outbox.close();
                }
            }
            Step::End => {
                let outbox = self.outbox.take();
                // The channel goes with it, and all that is on the way.
                self.lose(&RabbitError::new("the end"));
                outbox.into_iter().for_each(PublishQueue::refuse_all);
            }
        }
        let held = self
            .outbox
            .as_ref()
            .map_or(0, |it| it.waiting.len() + it.ledger.len());
        if held > self.room.window {
            return Err(format!("{held} are held, in a window of {}", self.room.window));
        }
        self.hear()
    }

    fn end(&self) -> Result<(), String> {
        if let Some(at) = self.callers.iter().position(|caller| caller.told.is_none()) {
            return Err(format!("{at} was never answered"));
        }
        match &self.outbox {
            Some(outbox) if !outbox.waiting.is_empty() || !outbox.ledger.is_empty() => {
                Err("what is answered is still held".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn key(&self) -> impl Hash {
        let of = |publish: &Publish| (id(publish), publish.confirm.flags(), publish.confirm.is_awaited());
        let (next, outbox) = match &self.outbox {
            None => (0, None),
            Some(outbox) => {
                let waiting: Vec<_> = outbox.waiting.iter().map(of).collect();
                let ledger = outbox.ledger.shape(of);
                (
                    outbox.next_number(),
                    Some((waiting, ledger, outbox.one_by_one, outbox.is_closing())),
                )
            }
        };
        let callers: Vec<_> = self
            .callers
            .iter()
            .map(|it| {
                let sent = it.sent_on.map(|channel| self.channels - channel);
                let (lot, at) = it.lot;
                // A word that its lot still waits with.
                let word = self.lots[lot]
                    .as_ref()
                    .map(|it| (it.result(at).is_some(), it.was_lost(at)));
                (it.came, it.told, sent, it.fate, it.heard, it.ever_taken, word)
            })
            .collect();
        let ago = |way: &InFlightPublish| (next - way.number, way.caller);
        let written: Vec<_> = self.written.iter().map(ago).collect();
        let words: Vec<_> = self.words.iter().map(|(way, taken)| (ago(way), *taken)).collect();
        let line: Vec<_> = self.line.iter().map(|number| next - number).collect();
        let last_mark = self.marks.last().copied().unwrap_or(0);
        let marks: Vec<_> = self.marks.iter().map(|mark| last_mark - mark).collect();
        let network = (self.channel.is_some(), self.channels, self.is_blocked, self.fault);
        (
            (outbox, callers, network, self.room, self.midway),
            (written, words, line, marks, self.is_ended()),
        )
    }
}
