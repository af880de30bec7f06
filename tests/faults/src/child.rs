//! Processes of their own: a service that is to be killed, say. They are this very program, started again.

use std::process::Command;

/// What tells a process that it is a child, and which.
const CHILD: &str = "TIDINGS_FAULTS_CHILD";

/// A program of the suite that runs in a process of its own.
#[derive(Debug, Clone, Copy)]
pub struct Child {
    /// Its name.
    pub name: &'static str,
    /// What it does; the process ends with it.
    pub run: fn(),
}

/// The command that starts a child: this program again. Arguments are the child's own, by the environment best.
///
/// # Panics
/// When this program cannot be found.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(CHILD, name);
    command
}

/// Runs the child that this process is to be; whether it was one. First thing in `main`.
///
/// # Panics
/// When there is no child of that name.
pub fn ran() -> bool {
    let Ok(name) = std::env::var(CHILD) else {
        return false;
    };
    let child = crate::process::CHILDREN.iter().find(|child| child.name == name);
    (child.unwrap_or_else(|| panic!("no child `{name}`")).run)();
    true
}
