//! Tests every order in which a supervised connection is lost, refused, opened again and closed, with one user.

use std::hash::Hash;
use std::time::Duration;

use super::{
    ActionResult, CONNECTION_INTERVAL, ConnectionChange, ConnectionState, FIRST_WAIT, LONGEST_WAIT,
    NextAction, Numbered, Reconnector,
};
use crate::state_explorer::{Model, exhaust};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FakeConnection(u64);

impl Numbered for FakeConnection {
    fn number(&self) -> u64 {
        self.0
    }
}

/// A user of the connections: the publisher, or a subscription and its successors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ConnectionUser {
    Waiting,
    Using(u64),
    Ended,
}

/// The state machine with its supervisor, the network and one user.
#[derive(Clone)]
struct ConnectionModel {
    reconnector: Reconnector<FakeConnection>,
    action: NextAction<FakeConnection>,
    /// The user sees only the latest state.
    published: ConnectionState<FakeConnection>,
    user: ConnectionUser,
    /// The connection that exists on the network.
    alive: Option<u64>,
    longest_wait: Duration,
    /// Whether the last connection was opened less than `CONNECTION_INTERVAL` ago.
    is_recent: bool,
    losses: u8,
    refusals: u8,
    /// Whether the owner may close the connection.
    can_close: bool,
    is_closed: bool,
}

#[derive(Debug, Clone)]
enum ConnectionStep {
    /// The network fails, and the supervisor has not noticed yet.
    Cut,
    /// The supervisor notices that the network failed.
    Notice,
    Connect,
    Refuse,
    PassInterval,
    /// The owner closes the connection.
    Close,
    /// The supervisor notices that the owner closed the connection.
    Stop,
    ReadState,
}

impl ConnectionModel {
    fn new(can_close: bool) -> Self {
        let mut reconnector = Reconnector::new(FakeConnection(1));
        Self {
            action: reconnector.next_action(Duration::ZERO),
            reconnector,
            published: ConnectionState::Up(FakeConnection(1)),
            user: ConnectionUser::Waiting,
            alive: Some(1),
            longest_wait: FIRST_WAIT,
            is_recent: true,
            losses: 0,
            refusals: 0,
            can_close,
            is_closed: false,
        }
    }

    fn apply(&mut self, result: ActionResult<FakeConnection>) -> Result<(), String> {
        self.longest_wait = match &result {
            ActionResult::Refused(_) => (self.longest_wait * 2).min(LONGEST_WAIT),
            _ => FIRST_WAIT,
        };
        self.published = self.reconnector.apply(result);
        let (age, least) = if self.is_recent {
            (Duration::ZERO, CONNECTION_INTERVAL)
        } else {
            (CONNECTION_INTERVAL, Duration::ZERO)
        };
        self.action = self.reconnector.next_action(age);
        match &self.action {
            NextAction::Dial { after, .. } if *after < least => {
                Err(format!("the next connection follows the last after {after:?}"))
            }
            NextAction::Dial { after, .. }
                if *after > self.longest_wait.max(least) || *after < self.longest_wait / 2 =>
            {
                Err(format!(
                    "the supervisor waits {after:?} instead of about {:?}",
                    self.longest_wait
                ))
            }
            NextAction::Watch(watched) if Some(watched.0) != self.alive && self.alive.is_some() => {
                Err(format!(
                    "the supervisor watches {watched:?}, but {:?} is alive",
                    self.alive
                ))
            }
            _ => Ok(()),
        }
    }

    fn next_user(&self) -> ConnectionUser {
        match (&self.user, &self.published) {
            (ConnectionUser::Waiting, ConnectionState::Up(live)) => ConnectionUser::Using(live.0),
            (ConnectionUser::Waiting, ConnectionState::Closed) => ConnectionUser::Ended,
            (ConnectionUser::Using(number), published) => match published.change_for(*number) {
                ConnectionChange::Unchanged => ConnectionUser::Using(*number),
                ConnectionChange::Lost(_) => ConnectionUser::Waiting,
                ConnectionChange::Closed => ConnectionUser::Ended,
            },
            (user, _) => user.clone(),
        }
    }
}

impl Model for ConnectionModel {
    type Step = ConnectionStep;

    fn steps(&self) -> Vec<ConnectionStep> {
        let mut steps = Vec::new();
        if self.can_close && !self.is_closed {
            steps.push(ConnectionStep::Close);
        }
        if self.alive.is_some() && self.losses < 3 {
            steps.push(ConnectionStep::Cut);
        }
        if self.is_recent {
            steps.push(ConnectionStep::PassInterval);
        }
        match &self.action {
            NextAction::Watch(_) if self.alive.is_none() => steps.push(ConnectionStep::Notice),
            NextAction::Dial { .. } => {
                steps.push(ConnectionStep::Connect);
                if self.refusals < 9 {
                    steps.push(ConnectionStep::Refuse);
                }
            }
            NextAction::Watch(_) | NextAction::End => {}
        }
        if self.is_closed && self.action != NextAction::End {
            steps.push(ConnectionStep::Stop);
        }
        if self.next_user() != self.user {
            steps.push(ConnectionStep::ReadState);
        }
        steps
    }

    fn take(&mut self, step: &ConnectionStep) -> Result<(), String> {
        match step {
            ConnectionStep::Cut => {
                self.alive = None;
                self.losses += 1;
                Ok(())
            }
            ConnectionStep::PassInterval => {
                self.is_recent = false;
                Ok(())
            }
            ConnectionStep::Close => {
                self.is_closed = true;
                Ok(())
            }
            ConnectionStep::Notice => self.apply(ActionResult::Lost("cut".to_owned())),
            ConnectionStep::Refuse => {
                self.refusals += 1;
                // The supervisor waited for `CONNECTION_INTERVAL` before it dialled.
                self.is_recent = false;
                self.apply(ActionResult::Refused("no".to_owned()))
            }
            ConnectionStep::Connect => {
                let NextAction::Dial { number, .. } = self.action else {
                    return Err("a connection was opened without a dial".to_owned());
                };
                if number != u64::from(self.losses) + 1 {
                    return Err(format!(
                        "connection {number} follows {} lost connections",
                        self.losses
                    ));
                }
                self.alive = Some(number);
                self.is_recent = true;
                self.apply(ActionResult::Connected(FakeConnection(number)))
            }
            ConnectionStep::Stop => {
                self.alive = None;
                self.apply(ActionResult::Stopped)
            }
            ConnectionStep::ReadState => {
                self.user = self.next_user();
                Ok(())
            }
        }
    }

    fn check_final(&self) -> Result<(), String> {
        if self.is_closed {
            let all_ended = self.published == ConnectionState::Closed && self.user == ConnectionUser::Ended;
            return all_ended
                .then_some(())
                .ok_or_else(|| format!("the connection is closed, but its user is {:?}", self.user));
        }
        match (&self.user, self.alive) {
            (ConnectionUser::Using(number), Some(alive)) if *number == alive => Ok(()),
            (user, alive) => Err(format!("the user is {user:?}, but {alive:?} is alive")),
        }
    }

    fn key(&self) -> impl Hash {
        let published = match &self.published {
            ConnectionState::Up(live) => Some(live.0),
            ConnectionState::Down(_) => None,
            ConnectionState::Closed => Some(u64::MAX),
        };
        let counts = (self.losses, self.refusals, self.is_closed, self.is_recent);
        (published, &self.user, self.alive, self.longest_wait, counts)
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[test]
fn a_connection_and_its_user_recover_from_every_loss() {
    exhaust(200, || ConnectionModel::new(false));
}

#[test]
fn a_closed_connection_ends_with_its_user_in_every_state() {
    exhaust(500, || ConnectionModel::new(true));
}
