//! Child processes, which run this program again with another main function.

use std::process::Command;

/// The variable that names the child program.
const CHILD: &str = "TIDINGS_FAULTS_CHILD";

/// A part of the suite that runs in its own process.
#[derive(Debug, Clone, Copy)]
pub struct Child {
    /// The name of the program.
    pub name: &'static str,
    /// The main function of the program.
    pub run: fn(),
}

/// Returns the command that starts a child. Its arguments are passed as variables.
///
/// # Panics
/// When this program cannot be found.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(CHILD, name);
    command
}

/// Runs the child program if this process is a child, and returns whether it is one. Call this first in `main`.
///
/// # Panics
/// When there is no such child program.
pub fn ran() -> bool {
    let Ok(name) = std::env::var(CHILD) else {
        return false;
    };
    let child = crate::process::CHILDREN.iter().find(|child| child.name == name);
    (child.unwrap_or_else(|| panic!("no child program `{name}`")).run)();
    true
}
