//! Every order in which a link's connection is lost, refused, made again and given up, with someone who works on it.

use std::hash::Hash;
use std::time::Duration;

use super::{
    ActionResult, ConnectionChange, ConnectionState, FIRST_WAIT, LAST_WAIT, LASTING, NextAction, Numbered,
    Reconnector,
};
use crate::state_explorer::{Model, exhaust};

/// A connection, by its number alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Line(u64);

impl Numbered for Line {
    fn number(&self) -> u64 {
        self.0
    }
}

/// Someone who works on the link's connections: the publisher, or a subscription and its successors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Worker {
    Waits,
    Works(u64),
    Gone,
}

/// A link, the network under it, and one who works on it.
#[derive(Clone)]
struct Linked {
    course: Reconnector<Line>,
    duty: NextAction<Line>,
    /// What the worker can see. It holds the last state alone.
    shown: ConnectionState<Line>,
    worker: Worker,
    /// The connection that really is there.
    alive: Option<u64>,
    /// How long the next wait is at the most.
    most: Duration,
    /// Whether the last connection was made less than `LASTING` ago.
    is_young: bool,
    losses: u8,
    refusals: u8,
    is_wanted: bool,
}

#[derive(Debug, Clone)]
enum Step {
    /// The network fails, and nobody has noticed.
    Cut,
    /// The supervisor notices.
    Notice,
    LetIn,
    Refuse,
    /// The last connection was made a while ago.
    Age,
    /// The link is not wanted any more.
    Unwant,
    /// The supervisor sees that.
    Stop,
    /// The worker looks at the state.
    TopologyCheck,
}

impl Linked {
    fn new() -> Self {
        let mut course = Reconnector::from(Line(1));
        Self {
            duty: course.duty(Duration::ZERO),
            course,
            shown: ConnectionState::Up(Line(1)),
            worker: Worker::Waits,
            alive: Some(1),
            most: FIRST_WAIT,
            is_young: true,
            losses: 0,
            refusals: 0,
            is_wanted: true,
        }
    }

    fn came(&mut self, came: ActionResult<Line>) -> Result<(), String> {
        self.most = match &came {
            ActionResult::Refused(_) => (self.most * 2).min(LAST_WAIT),
            _ => FIRST_WAIT,
        };
        self.shown = self.course.take(came);
        let (since, least) = if self.is_young {
            (Duration::ZERO, LASTING)
        } else {
            (LASTING, Duration::ZERO)
        };
        self.duty = self.course.duty(since);
        match &self.duty {
            NextAction::Dial { after, .. } if *after < least => {
                Err(format!("the next connection follows the last after {after:?}"))
            }
            NextAction::Dial { after, .. } if *after > self.most.max(least) || *after < self.most / 2 => {
                Err(format!("it waits {after:?}, not about {:?}", self.most))
            }
            NextAction::Watch(line) if Some(line.0) != self.alive && self.alive.is_some() => {
                Err(format!("it watches {line:?}, and {:?} is there", self.alive))
            }
            _ => Ok(()),
        }
    }

    fn look(&mut self) -> Worker {
        match (&self.worker, &self.shown) {
            (Worker::Waits, ConnectionState::Up(line)) => Worker::Works(line.0),
            (Worker::Waits, ConnectionState::Closed) => Worker::Gone,
            (Worker::Works(number), shown) => match shown.news(*number) {
                ConnectionChange::Same => Worker::Works(*number),
                ConnectionChange::Lost(_) => Worker::Waits,
                ConnectionChange::Closed => Worker::Gone,
            },
            (worker, _) => worker.clone(),
        }
    }
}

impl Model for Linked {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.is_wanted {
            steps.push(Step::Unwant);
        }
        if self.alive.is_some() && self.losses < 3 {
            steps.push(Step::Cut);
        }
        if self.is_young {
            steps.push(Step::Age);
        }
        match &self.duty {
            NextAction::Watch(_) if self.alive.is_none() => steps.push(Step::Notice),
            NextAction::Dial { .. } => {
                steps.push(Step::LetIn);
                if self.refusals < 9 {
                    steps.push(Step::Refuse);
                }
            }
            NextAction::Watch(_) | NextAction::End => {}
        }
        if !self.is_wanted && self.duty != NextAction::End {
            steps.push(Step::Stop);
        }
        if self.clone().look() != self.worker {
            steps.push(Step::TopologyCheck);
        }
        steps
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Cut => {
                self.alive = None;
                self.losses += 1;
                Ok(())
            }
            Step::Age => {
                self.is_young = false;
                Ok(())
            }
            Step::Unwant => {
                self.is_wanted = false;
                Ok(())
            }
            Step::Notice => self.came(ActionResult::Lost("cut".to_owned())),
            Step::Refuse => {
                self.refusals += 1;
                // So long it had waited.
                self.is_young = false;
                self.came(ActionResult::Refused("no".to_owned()))
            }
            Step::LetIn => {
                let NextAction::Dial { number, .. } = self.duty else {
                    return Err("it let itself in".to_owned());
                };
                if number != u64::from(self.losses) + 1 {
                    return Err(format!(
                        "connection {number} follows {} that were lost",
                        self.losses
                    ));
                }
                self.alive = Some(number);
                self.is_young = true;
                self.came(ActionResult::In(Line(number)))
            }
            Step::Stop => {
                self.alive = None;
                self.came(ActionResult::Stopped)
            }
            Step::TopologyCheck => {
                self.worker = self.look();
                Ok(())
            }
        }
    }

    fn end(&self) -> Result<(), String> {
        if !self.is_wanted {
            let all_gone = self.shown == ConnectionState::Closed && self.worker == Worker::Gone;
            return all_gone
                .then_some(())
                .ok_or_else(|| format!("{:?} is left of a link that is closed", self.worker));
        }
        match (&self.worker, self.alive) {
            (Worker::Works(number), Some(alive)) if *number == alive => Ok(()),
            (worker, alive) => Err(format!("the worker {worker:?}, and {alive:?} is there")),
        }
    }

    fn key(&self) -> impl Hash {
        let shown = match &self.shown {
            ConnectionState::Up(line) => Some(line.0),
            ConnectionState::Down(_) => None,
            ConnectionState::Closed => Some(u64::MAX),
        };
        let counts = (self.losses, self.refusals, self.is_wanted, self.is_young);
        (shown, &self.worker, self.alive, self.most, counts)
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// A link that nobody gives up.
#[derive(Clone)]
struct Wanted(Linked);

impl Model for Wanted {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = self.0.steps();
        steps.retain(|step| !matches!(step, Step::Unwant));
        steps
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        self.0.take(step)
    }

    fn end(&self) -> Result<(), String> {
        self.0.end()
    }

    fn key(&self) -> impl Hash {
        self.0.key()
    }

    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[test]
fn a_link_comes_back_with_its_worker_from_every_loss() {
    exhaust(200, || Wanted(Linked::new()));
}

#[test]
fn a_link_that_is_given_up_ends_with_its_worker_wherever_it_stands() {
    exhaust(500, Linked::new);
}
