//! A fault of the table: what happens, how often, and what runs it.

use std::future::Future;
use std::pin::Pin;

use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;

/// A future that the thread which made it also waits for.
pub type Run<'a, T = Row> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One fault, with events on the way before, during and after it.
///
/// ```
/// use tidings_faults::{Fault, Row, Harness, Times};
///
/// pub const FAULTS: &[Fault] = &[Fault::new(
///     "broker-killed",
///     "the broker is killed and started again",
///     Times { short: 2, full: 20 },
///     |harness| Box::pin(killed(harness)),
/// )];
///
/// async fn killed(harness: &Harness) -> Row {
///     todo!("a node, traffic, the fault, its account")
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Fault {
    /// Its name, in kebab-case: the row's, and the test's.
    pub name: &'static str,
    /// What happens, in half a line.
    pub about: &'static str,
    /// How often.
    pub times: Times,
    /// Runs it and accounts for every event.
    pub run: for<'a> fn(&'a Harness) -> Run<'a>,
    /// Does it once to the broker of a soak, which has its own traffic; none where the fault needs a place of its own.
    pub inject: Option<Inject>,
    /// Whether it runs in a process of its own.
    pub alone: bool,
}

/// Does a fault once, and ends when the broker is as it was: what publishes and handles meanwhile is another's.
pub type Inject = for<'a> fn(&'a mut SoakTarget) -> Run<'a, ()>;

/// How often a fault is done, in the two forms of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// In the form that runs with every change.
    pub short: u32,
    /// In the form that fills the tables of the documentation.
    pub full: u32,
}

impl Fault {
    /// A fault that a soak does not draw.
    pub const fn new(
        name: &'static str,
        about: &'static str,
        times: Times,
        run: for<'a> fn(&'a Harness) -> Run<'a>,
    ) -> Self {
        Self {
            name,
            about,
            times,
            run,
            inject: None,
            alone: false,
        }
    }

    /// Lets a soak draw it.
    pub const fn inject(mut self, inject: Inject) -> Self {
        self.inject = Some(inject);
        self
    }

    /// Runs it in a process of its own: it measures its process.
    pub const fn alone(mut self) -> Self {
        self.alone = true;
        self
    }
}

/// Every fault, in the order of the table.
pub fn all() -> Vec<Fault> {
    groups().concat()
}

/// The faults by what they share: those of one group are done to the same broker, and so one after the other; groups have
/// nothing to do with each other. In the order of the table.
pub fn groups() -> [Vec<Fault>; 3] {
    [
        crate::broker::FAULTS.to_vec(),
        crate::cluster::FAULTS.to_vec(),
        [crate::network::FAULTS, crate::process::FAULTS].concat(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own_and_most_can_be_drawn_by_a_soak() {
        let all = all();
        let names: HashSet<&str> = all.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), all.len());
        let drawn = all.iter().filter(|fault| fault.inject.is_some()).count();
        assert!(drawn >= 30, "{drawn} of {}", all.len());
    }
}
