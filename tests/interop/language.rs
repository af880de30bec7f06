//! The languages of the suite and their services.

use std::path::{Path, PathBuf};

use tidings_test_support::install::{NPM_CI, PIP_INSTALL, Recipe, TSC};
use tidings_test_support::wait::blocking;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::foreign_service::ForeignService;

/// A language with a client library, and a service that uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Node with amqplib.
    Node,
    /// Nest with the module of golevelup and with its own transport.
    Nest,
    /// Python with pika.
    Python,
}

impl Language {
    /// The name, which is also the name of the folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Nest => "nest",
            Self::Python => "python",
        }
    }

    /// Starts the service of this language and connects it to the broker at `url`.
    pub(crate) async fn start(self, url: &str) -> ForeignService {
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
        ForeignService::start(self, command).await
    }

    /// Returns the folder of the service. It is installed at the first call.
    async fn home(self) -> PathBuf {
        static HOMES: [OnceCell<PathBuf>; 3] = [const { OnceCell::const_new() }; 3];
        HOMES[self as usize]
            .get_or_init(|| async {
                let source = Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("interop")
                    .join(self.name());
                let home = Path::new(env!("CARGO_TARGET_TMPDIR"))
                    .join("interop")
                    .join(self.name());
                let recipe = self.recipe();
                blocking(move || recipe.prepare(&source, &home))
                    .await
                    .unwrap_or_else(|error| panic!("{error}"))
            })
            .await
            .clone()
    }

    fn recipe(self) -> Recipe {
        match self {
            Self::Node => Recipe {
                locks: &["package.json", "package-lock.json"],
                install: NPM_CI,
                sources: &["service.js"],
                build: &[],
            },
            Self::Nest => Recipe {
                locks: &["package.json", "package-lock.json"],
                install: NPM_CI,
                sources: &["tsconfig.json", "src/main.ts"],
                build: TSC,
            },
            Self::Python => Recipe {
                locks: &["requirements.txt"],
                install: PIP_INSTALL,
                sources: &["service.py"],
                build: &[],
            },
        }
    }
}

fn node(script: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script);
    command
}
