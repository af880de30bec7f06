//! A fault: its name, how often it is injected, and the function that runs it.

use std::future::Future;
use std::pin::Pin;

use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;

/// A future that runs on the thread that created it.
pub type Run<'a, T = Row> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A fault. Events are published and handled before, during and after it.
///
/// ```
/// use tidings_faults::{Fault, Row, Harness, Times};
///
/// pub const FAULTS: &[Fault] = &[Fault::new(
///     "broker-killed",
///     Times { short: 2, full: 20 },
///     |harness| Box::pin(killed(harness)),
/// )];
///
/// async fn killed(harness: &Harness) -> Row {
///     todo!("start a node and traffic, inject the fault, return the row")
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Fault {
    /// The name in kebab-case, of the row and of the test.
    pub name: &'static str,
    /// How often the fault is injected.
    pub times: Times,
    /// Runs the fault and accounts for every event.
    pub run: for<'a> fn(&'a Harness) -> Run<'a>,
    /// Injects the fault once into a soak, if a soak injects this fault.
    pub inject: Option<Inject>,
    /// Whether the fault runs in its own process.
    pub alone: bool,
}

/// Injects a fault once into a running soak and returns when the fault is over.
pub type Inject = for<'a> fn(&'a mut SoakTarget) -> Run<'a, ()>;

/// How often a fault is injected, in both forms of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// In the short form, which is the default.
    pub short: u32,
    /// In the full form, which takes most of an hour.
    pub full: u32,
}

impl Fault {
    /// Creates a fault that a soak does not inject.
    pub const fn new(name: &'static str, times: Times, run: for<'a> fn(&'a Harness) -> Run<'a>) -> Self {
        Self {
            name,
            times,
            run,
            inject: None,
            alone: false,
        }
    }

    /// Lets a soak inject the fault.
    pub const fn inject(mut self, inject: Inject) -> Self {
        self.inject = Some(inject);
        self
    }

    /// Runs the fault in its own process, because it measures the process.
    pub const fn alone(mut self) -> Self {
        self.alone = true;
        self
    }
}

/// Every fault, in the order of the table.
pub fn all() -> Vec<Fault> {
    groups().concat()
}

/// The faults in the order of the table, grouped by broker. Faults of one group use the same broker and run one after
/// the other; groups run in parallel.
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
    fn fault_names_are_unique_and_a_soak_injects_most_faults() {
        let all = all();
        let names: HashSet<&str> = all.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), all.len());
        let injected = all.iter().filter(|fault| fault.inject.is_some()).count();
        assert!(injected >= 30, "{injected} of {}", all.len());
    }
}
