//! The course of a link: up, down and up again, for as long as it is wanted.
//!
//! It decides and does nothing, so that every order of events can be tried without a broker: the supervisor does what it
//! says and tells it what came of that.

use std::time::Duration;

use super::connection::LiveConnection;
use crate::backoff::Backoff;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(15);

/// At most one connection is made in this time: one that is lost at once would be made again and again.
const LASTING: Duration = Duration::from_secs(1);

/// How a link is, as all who work on it see it. They may miss a state, but never the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectionState<L = LiveConnection> {
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
pub(super) enum ConnectionChange {
    /// It lives.
    Same,
    /// It is gone, for this reason.
    Lost(String),
    /// It is gone, and there will be no other.
    Closed,
}

impl<L: Numbered> ConnectionState<L> {
    /// What it means to those who work on the connection `number`.
    pub(super) fn news(&self, number: u64) -> ConnectionChange {
        match self {
            Self::Up(live) if live.number() == number => ConnectionChange::Same,
            // The state between was missed.
            Self::Up(_) => ConnectionChange::Lost("the connection was lost".to_owned()),
            Self::Down(why) => ConnectionChange::Lost(why.clone()),
            Self::Closed => ConnectionChange::Closed,
        }
    }
}

/// What the supervisor is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextAction<L = LiveConnection> {
    /// Watch this connection until it is lost or no longer wanted.
    Watch(L),
    /// Wait so long, then try to make the connection of this number, unless it is no longer wanted.
    Dial { after: Duration, number: u64 },
    /// End: the link is closed.
    End,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ActionResult<L = LiveConnection> {
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
pub(super) struct Reconnector<L = LiveConnection> {
    state: ConnectionState<L>,
    /// Of the connection there is, or was last.
    number: u64,
    backoff: Backoff,
}

impl<L: Numbered + Clone> Reconnector<L> {
    /// From the first connection on.
    pub(super) fn from(live: L) -> Self {
        Self {
            number: live.number(),
            state: ConnectionState::Up(live),
            backoff: Backoff::new(FIRST_WAIT, LAST_WAIT),
        }
    }

    /// What to do next, so long after the last connection was made.
    pub(super) fn duty(&mut self, since: Duration) -> NextAction<L> {
        match &self.state {
            ConnectionState::Up(live) => NextAction::Watch(live.clone()),
            ConnectionState::Down(_) => NextAction::Dial {
                after: self.backoff.next_wait().max(LASTING.saturating_sub(since)),
                number: self.number + 1,
            },
            ConnectionState::Closed => NextAction::End,
        }
    }

    /// Takes what came of it, and says how the link is from now on.
    pub(super) fn take(&mut self, came: ActionResult<L>) -> ConnectionState<L> {
        self.state = match came {
            ActionResult::In(live) => {
                self.number = live.number();
                // The next loss begins with a short wait again.
                self.backoff.reset();
                ConnectionState::Up(live)
            }
            ActionResult::Lost(why) | ActionResult::Refused(why) => ConnectionState::Down(why),
            ActionResult::Stopped => ConnectionState::Closed,
        };
        self.state.clone()
    }
}

#[cfg(test)]
mod explored;
