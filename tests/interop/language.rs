//! The languages, and the service that each of them has here.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::install::{self, Dependencies};
use crate::program::Program;

/// A foreign service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Node, with amqplib alone.
    Node,
    /// Nest, with golevelup's module and its own transport.
    Nest,
    /// Python, with pika.
    Python,
}

impl Language {
    /// Its name, which is its folder's, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Nest => "nest",
            Self::Python => "python",
        }
    }

    /// Starts its service, connected to the broker at `url`.
    pub(crate) async fn start(self, url: &str) -> Program {
        let home = self.home().await;
        let mut command = match self {
            Self::Node => node(&home.join("service.js")),
            Self::Nest => node(&home.join("dist/main.js")),
            Self::Python => {
                let mut command = Command::new(home.join("env/bin/python"));
                command.arg(home.join("service.py"));
                command
            }
        };
        command.arg(url);
        Program::start(self, command).await
    }

    /// The folder that it runs from, made ready once.
    async fn home(self) -> PathBuf {
        static HOMES: [OnceCell<PathBuf>; 3] = [const { OnceCell::const_new() }; 3];
        HOMES[self as usize]
            .get_or_init(|| async {
                let source = format!("interop/{}", self.name());
                install::ready("interop", &source, &self.dependencies()).await
            })
            .await
            .clone()
    }

    /// What is installed before it can run.
    pub(crate) fn dependencies(self) -> Dependencies {
        match self {
            Self::Node => Dependencies {
                locks: &["package.json", "package-lock.json"],
                install: NPM_CI,
                sources: &["service.js"],
                build: &[],
            },
            Self::Nest => Dependencies {
                locks: &["package.json", "package-lock.json"],
                install: NPM_CI,
                sources: &["tsconfig.json", "src/main.ts"],
                build: &[&["node", "node_modules/typescript/bin/tsc", "--project", "."]],
            },
            Self::Python => Dependencies {
                locks: &["requirements.txt"],
                install: &[
                    &["python3", "-m", "venv", "--clear", "env"],
                    &[
                        "env/bin/python",
                        "-m",
                        "pip",
                        "install",
                        "--requirement",
                        "requirements.txt",
                    ],
                ],
                sources: &["service.py"],
                build: &[],
            },
        }
    }
}

/// What the lock file says, and no script of anyone's.
const NPM_CI: &[&[&str]] = &[&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]];

fn node(script: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script);
    command
}
