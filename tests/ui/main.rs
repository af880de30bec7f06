//! The compile errors that users see.
//!
//! Each file in the folders here has one mistake and is named for it; the `.stderr` file beside it has the errors of rustc.
//! After a change of a message, `TRYBUILD=overwrite cargo test -p tidings-ui-tests --test ui` writes them; review them.

use std::process::Command;
use std::{env, io};

/// The flags that trybuild passes to rustc. It leaves the last one out when it checks the dependencies, so cargo would
/// check them again for the mistakes. Cargo prefers this variable to the flags of trybuild.
const FLAGS: &str = "--cfg\x1ftrybuild\x1f--verbose\x1f-A\x1fdead_code\x1f--diagnostic-width=140";
const FLAGS_VARIABLE: &str = "CARGO_ENCODED_RUSTFLAGS";

#[test]
fn a_mistake_is_one_error_at_its_own_token() {
    if env::var(FLAGS_VARIABLE).as_deref() != Ok(FLAGS) {
        let program = env::current_exe().expect("the test has a path");
        let status = Command::new(program)
            .args(["--exact", "a_mistake_is_one_error_at_its_own_token"])
            .env(FLAGS_VARIABLE, FLAGS)
            // Standard output has the results of this test only.
            .stdout(io::stderr())
            .status()
            .expect("the test starts again");
        assert!(status.success(), "the errors above differ");
        return;
    }
    let tests = trybuild::TestCases::new();
    for kind in ["event", "family", "handler", "lists", "state", "publish"] {
        tests.compile_fail(format!("{kind}/*.rs"));
    }
}
