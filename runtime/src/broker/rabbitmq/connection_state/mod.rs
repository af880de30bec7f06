//! The course of a link: up, down and up again, for as long as it is wanted.
//!
//! It decides and does nothing, so that every order of events can be tried without a broker: the supervisor does what it
//! says and tells it what came of that.

use std::time::Duration;

use super::connection::Live;
use crate::backoff::Backoff;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(15);

/// At most one connection is made in this time: one that is lost at once would be made again and again.
const LASTING: Duration = Duration::from_secs(1);

/// How a link is, as all who work on it see it. They may miss a state, but never the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State<L = Live> {
    Up(L),
    Down(String),
    Closed,
}

/// A connection that knows which of its link's connections it is.
pub(super) trait Numbered {
    fn number(&self) -> u64;
}

/// What a link's state means to those who work on one of its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It lives.
    Same,
    /// It is gone, for this reason.
    Lost(String),
    /// It is gone, and there will be no other.
    Closed,
}

impl<L: Numbered> State<L> {
    /// What it means to those who work on the connection `number`.
    pub(super) fn news(&self, number: u64) -> News {
        match self {
            Self::Up(live) if live.number() == number => News::Same,
            // The state between was missed.
            Self::Up(_) => News::Lost("the connection was lost".to_owned()),
            Self::Down(why) => News::Lost(why.clone()),
            Self::Closed => News::Closed,
        }
    }
}

/// What the supervisor is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Duty<L = Live> {
    /// Watch this connection until it is lost or no longer wanted.
    Watch(L),
    /// Wait so long, then try to make the connection of this number, unless it is no longer wanted.
    Dial { after: Duration, number: u64 },
    /// End: the link is closed.
    End,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came<L = Live> {
    /// The connection was lost, for this reason.
    Lost(String),
    /// A server let us in.
    In(L),
    /// None did, for these reasons.
    Refused(String),
    /// The link is not wanted any more.
    Stopped,
}

/// The course of one link.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Course<L = Live> {
    state: State<L>,
    /// Of the connection there is, or was last.
    number: u64,
    backoff: Backoff,
}

impl<L: Numbered + Clone> Course<L> {
    /// From the first connection on.
    pub(super) fn from(live: L) -> Self {
        Self {
            number: live.number(),
            state: State::Up(live),
            backoff: Backoff::new(FIRST_WAIT, LAST_WAIT),
        }
    }

    /// What to do next, so long after the last connection was made.
    pub(super) fn duty(&mut self, since: Duration) -> Duty<L> {
        match &self.state {
            State::Up(live) => Duty::Watch(live.clone()),
            State::Down(_) => Duty::Dial {
                after: self.backoff.wait().max(LASTING.saturating_sub(since)),
                number: self.number + 1,
            },
            State::Closed => Duty::End,
        }
    }

    /// Takes what came of it, and says how the link is from now on.
    pub(super) fn take(&mut self, came: Came<L>) -> State<L> {
        self.state = match came {
            Came::In(live) => {
                self.number = live.number();
                // The next loss begins with a short wait again.
                self.backoff.reset();
                State::Up(live)
            }
            Came::Lost(why) | Came::Refused(why) => State::Down(why),
            Came::Stopped => State::Closed,
        };
        self.state.clone()
    }
}

#[cfg(test)]
mod explored;
