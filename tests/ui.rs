//! The compile errors that users see.
//!
//! Each file under `ui/` has one mistake and is named for it; the `.stderr` file beside it has the errors of rustc.
//! After a change of a message, `TRYBUILD=overwrite cargo test -p tidings-tests --test ui` writes them; review them.

#[test]
fn a_mistake_is_one_error_at_its_own_token() {
    let tests = trybuild::TestCases::new();
    for kind in ["event", "family", "handler", "lists", "state", "publish"] {
        tests.compile_fail(format!("ui/{kind}/*.rs"));
    }
}
