//! The state machine of a supervised connection: up, down, up again, and finally closed.
//!
//! The state machine does no I/O, so a test can try every order of events without a broker. The supervisor executes
//! each [`NextAction`] and reports its [`ActionResult`].

use std::time::Duration;

use crate::backoff::Backoff;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The shortest time between two connections. It limits the rate if the broker drops each connection at once.
const CONNECTION_INTERVAL: Duration = Duration::from_secs(1);

/// What the users of a connection see. They can miss a state, but not the latest one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectionState<C> {
    Up(C),
    Down(String),
    Closed,
}

/// A supervisor numbers its connections from 1.
pub(super) trait Numbered {
    fn number(&self) -> u64;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConnectionChange {
    Unchanged,
    Lost(String),
    /// The connection is closed, and no other will follow.
    Closed,
}

impl<C: Numbered> ConnectionState<C> {
    /// What this state means to a user of the connection `number`.
    pub(super) fn change_for(&self, number: u64) -> ConnectionChange {
        match self {
            Self::Up(live) if live.number() == number => ConnectionChange::Unchanged,
            // The user missed the state `Down` between the two connections.
            Self::Up(_) => ConnectionChange::Lost("the connection was lost".to_owned()),
            Self::Down(why) => ConnectionChange::Lost(why.clone()),
            Self::Closed => ConnectionChange::Closed,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextAction<C> {
    /// Watch this connection until it is lost, or until the supervisor is stopped.
    Watch(C),
    /// Wait, then open the connection `number`, unless the supervisor is stopped.
    Dial {
        after: Duration,
        number: u64,
    },
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ActionResult<C> {
    /// The connection was lost, for this reason.
    Lost(String),
    Connected(C),
    /// No server accepted the connection, for these reasons.
    Refused(String),
    Stopped,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Reconnector<C> {
    state: ConnectionState<C>,
    /// The number of the current connection, or of the last one.
    number: u64,
    backoff: Backoff,
}

impl<C: Numbered + Clone> Reconnector<C> {
    pub(super) fn new(first: C) -> Self {
        Self {
            number: first.number(),
            state: ConnectionState::Up(first),
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// The next action. `age` is the time since the last connection was opened.
    pub(super) fn next_action(&mut self, age: Duration) -> NextAction<C> {
        match &self.state {
            ConnectionState::Up(live) => NextAction::Watch(live.clone()),
            ConnectionState::Down(_) => NextAction::Dial {
                after: self
                    .backoff
                    .next_wait()
                    .max(CONNECTION_INTERVAL.saturating_sub(age)),
                number: self.number + 1,
            },
            ConnectionState::Closed => NextAction::End,
        }
    }

    /// Applies the result of an action and returns the new state.
    pub(super) fn apply(&mut self, result: ActionResult<C>) -> ConnectionState<C> {
        self.state = match result {
            ActionResult::Connected(live) => {
                self.number = live.number();
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
