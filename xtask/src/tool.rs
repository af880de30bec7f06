//! The programs that suites need beside the crates that cargo fetches.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// A program that must be there before a suite starts.
#[derive(Debug)]
pub(crate) struct Tool {
    /// What it is called, on the command line and in errors.
    pub(crate) name: &'static str,
    /// The environment variable that says which one to run, where there may be several.
    pub(crate) variable: Option<&'static str>,
    /// Arguments with which it does nothing and succeeds.
    pub(crate) probe: &'static [&'static str],
    /// Where it comes from.
    pub(crate) advice: &'static str,
    /// The packages of Debian and Ubuntu that bring it.
    pub(crate) packages: &'static [&'static str],
}

/// Builds and runs everything.
pub(crate) const CARGO: Tool = Tool {
    name: "cargo",
    // Set by the cargo that runs us; the next best on the path may be another.
    variable: Some("CARGO"),
    probe: &["--version"],
    advice: "install Rust with rustup, <https://rustup.rs>",
    packages: &[],
};

/// Ends what a suite started when its time is over.
pub(crate) const SHELL: Tool = Tool {
    name: "sh",
    variable: None,
    probe: &["-c", ":"],
    advice: "install a POSIX shell",
    packages: &[],
};

/// Applies mutations, or says whether they still fit.
pub(crate) const GIT: Tool = Tool {
    name: "git",
    variable: None,
    probe: &["--version"],
    advice: "install git, <https://git-scm.com>",
    packages: &["git"],
};

/// Runs the foreign services that are written in JavaScript and TypeScript.
pub(crate) const NODE: Tool = Tool {
    name: "node",
    variable: None,
    probe: &["-e", "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)"],
    advice: "install Node 18 or newer, <https://nodejs.org>",
    packages: &["nodejs"],
};

/// Installs what they depend on.
pub(crate) const NPM: Tool = Tool {
    name: "npm",
    variable: None,
    probe: &["--version"],
    advice: "install npm, which comes with Node, <https://nodejs.org>",
    packages: &["npm"],
};

/// Runs the foreign service that is written in Python, in an environment of its own.
pub(crate) const PYTHON: Tool = Tool {
    name: "python3",
    variable: None,
    // Debian parts these two from Python itself.
    probe: &[
        "-c",
        "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))",
    ],
    advice: "install Python 3.10 or newer with its module `venv`, on Debian in `python3-venv`",
    packages: &["python3-venv"],
};

/// Finds what the feature `native-tls` links against. Only Linux builds it on OpenSSL.
pub(crate) const OPENSSL: Tool = Tool {
    name: if cfg!(target_os = "linux") {
        "pkg-config"
    } else {
        "sh"
    },
    variable: None,
    probe: if cfg!(target_os = "linux") {
        &["--exists", "openssl"]
    } else {
        &["-c", ":"]
    },
    advice: "install pkg-config and the headers of OpenSSL, on Debian `pkg-config` and `libssl-dev`",
    packages: &["pkg-config", "libssl-dev"],
};

/// Builds the parts of TLS that are written in C.
pub(crate) const C_COMPILER: Tool = Tool {
    name: "cc",
    variable: Some("CC"),
    probe: &["--version"],
    advice: "install a C compiler, on Debian `gcc`",
    packages: &["gcc", "libc6-dev"],
};

/// Counts instructions.
pub(crate) const VALGRIND: Tool = Tool {
    name: "valgrind",
    variable: None,
    probe: &["--version"],
    advice: "install valgrind 3.18 or newer, <https://valgrind.org>, on Debian `valgrind`",
    packages: &["valgrind"],
};

impl Tool {
    /// A command of this tool.
    pub(crate) fn command(&self) -> Command {
        Command::new(
            self.variable
                .and_then(env::var_os)
                .unwrap_or_else(|| OsString::from(self.name)),
        )
    }

    /// Makes sure that the tool can be run.
    pub(crate) fn need(&self) -> Result<(), String> {
        let probe = self
            .command()
            .args(self.probe)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match probe {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!(
                "`{}` does not work ({status}); {}",
                self.name, self.advice
            )),
            Err(error) => Err(format!("cannot run `{}` ({error}); {}", self.name, self.advice)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_there_is_taken() {
        assert_eq!(SHELL.need(), Ok(()));
    }

    #[test]
    fn a_missing_tool_is_named_with_where_to_get_it() {
        let missing = Tool {
            name: "no-such-tool",
            variable: None,
            probe: &[],
            advice: "install it",
            packages: &[],
        };
        let fault = missing.need().unwrap_err();
        assert!(fault.starts_with("cannot run `no-such-tool` ("), "{fault}");
        assert!(fault.ends_with("; install it"), "{fault}");
    }

    #[test]
    fn a_broken_tool_is_named() {
        let broken = Tool {
            name: "sh",
            variable: None,
            probe: &["-c", "exit 3"],
            advice: "install it",
            packages: &[],
        };
        let fault = broken.need().unwrap_err();
        assert!(fault.starts_with("`sh` does not work ("), "{fault}");
    }
}
