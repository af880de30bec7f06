//! The programs that suites need.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// A program that must be installed before a suite starts.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// The environment variable that may name another program to run instead.
    pub(crate) variable: Option<&'static str>,
    /// Arguments with which it does nothing and succeeds.
    pub(crate) probe: &'static [&'static str],
    /// How to install it.
    pub(crate) advice: &'static str,
    /// The packages of Debian and Ubuntu that contain it.
    pub(crate) packages: &'static [&'static str],
}

pub(crate) const CARGO: Tool = Tool {
    name: "cargo",
    // The cargo that runs xtask sets it. The first cargo in the path may be another.
    variable: Some("CARGO"),
    probe: &["--version"],
    advice: "install Rust with rustup, <https://rustup.rs>",
    packages: &[],
};

/// Runs the guard that ends the processes of a suite at its time limit.
pub(crate) const SHELL: Tool = Tool {
    name: "sh",
    variable: None,
    probe: &["-c", ":"],
    advice: "install a POSIX shell",
    packages: &[],
};

/// Applies mutations, or checks that they still fit the code.
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

/// Installs the dependencies of the foreign services.
pub(crate) const NPM: Tool = Tool {
    name: "npm",
    variable: None,
    probe: &["--version"],
    advice: "install npm, which comes with Node, <https://nodejs.org>",
    packages: &["npm"],
};

/// Runs the foreign service that is written in Python, in a virtual environment.
pub(crate) const PYTHON: Tool = Tool {
    name: "python3",
    variable: None,
    // Debian packages `ensurepip` and `venv` separately from Python.
    probe: &[
        "-c",
        "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))",
    ],
    advice: "install Python 3.10 or newer with its module `venv`, on Debian in `python3-venv`",
    packages: &["python3-venv"],
};

/// Finds OpenSSL, which the feature `native-tls` links against on Linux only.
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

/// Builds the C code of the TLS libraries.
pub(crate) const C_COMPILER: Tool = Tool {
    name: "cc",
    variable: Some("CC"),
    probe: &["--version"],
    advice: "install a C compiler, on Debian `gcc`",
    packages: &["gcc", "libc6-dev"],
};

pub(crate) const VALGRIND: Tool = Tool {
    name: "valgrind",
    variable: None,
    probe: &["--version"],
    advice: "install valgrind 3.18 or newer, <https://valgrind.org>, on Debian `valgrind`",
    packages: &["valgrind"],
};

impl Tool {
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
    fn an_installed_tool_passes() {
        assert_eq!(SHELL.need(), Ok(()));
    }

    #[test]
    fn the_error_for_a_missing_tool_says_how_to_install_it() {
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
