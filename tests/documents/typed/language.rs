//! The languages, and how types are generated in each.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use tidings_contracts::{Folder, Side};
use uuid::Uuid;

use crate::install::{self, Dependencies};

/// A language with a generator of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// By json-schema-to-typescript.
    TypeScript,
    /// By datamodel-code-generator, for pydantic 2.
    Python,
}

/// A folder with generated types and the service that uses them, beside what both depend on; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Workshop(PathBuf);

impl Deref for Workshop {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Language {
    /// Its name, which is its folder's, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TypeScript => "typescript",
            Self::Python => "python",
        }
    }

    /// Generates types from contracts: for events that are read by what their writer writes, for those that are written
    /// by what their reader accepts. The service is compiled with them where the language compiles.
    pub(crate) async fn generate(self, contracts: &Path) -> Workshop {
        let home = install::ready("typed", self.name(), &self.dependencies()).await;
        let workshop = Workshop(home.join(format!("run-{}", Uuid::now_v7().simple())));
        let contracts = Folder::read(contracts).expect("the contracts can be read");
        for (name, side) in [("written", Side::Writer), ("accepted", Side::Reader)] {
            let schemas = workshop.join("schemas").join(name);
            let files = contracts
                .write_schemas(schemas, side, crate::draft(self))
                .expect("the schemas can be written");
            assert_eq!(files.len(), 3);
            install::run(&workshop, &self.generator(name)).await;
        }
        for file in self.dependencies().sources {
            fs::copy(home.join(file), workshop.join(file)).expect("the service can be copied");
        }
        if self == Self::TypeScript {
            install::run(
                &workshop,
                &["node", "../node_modules/typescript/bin/tsc", "--project", "."],
            )
            .await;
        }
        workshop
    }

    /// The command of the documentation, by the program that the lock file names.
    fn generator(self, side: &'static str) -> Vec<&'static str> {
        let (from, to) = match side {
            "written" => ("schemas/written", "written"),
            _ => ("schemas/accepted", "accepted"),
        };
        match self {
            Self::TypeScript => vec![
                "node",
                "../node_modules/json-schema-to-typescript/dist/src/cli.js",
                "--input",
                from,
                "--output",
                to,
                "--no-additionalProperties",
            ],
            Self::Python => vec![
                "../env/bin/datamodel-codegen",
                "--input",
                from,
                "--input-file-type",
                "jsonschema",
                "--output",
                to,
                "--output-model-type",
                "pydantic_v2.BaseModel",
            ],
        }
    }

    /// What starts the service.
    pub(crate) fn command(self, workshop: &Path) -> tokio::process::Command {
        let (program, script) = match self {
            Self::TypeScript => (PathBuf::from("node"), "dist/service.js"),
            Self::Python => (workshop.join("../env/bin/python"), "service.py"),
        };
        let mut command = tokio::process::Command::new(program);
        command.arg(workshop.join(script));
        command
    }

    fn dependencies(self) -> Dependencies {
        match self {
            Self::TypeScript => Dependencies {
                locks: &["package.json", "package-lock.json"],
                install: &[&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]],
                sources: &["tsconfig.json", "service.ts"],
                build: &[],
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
