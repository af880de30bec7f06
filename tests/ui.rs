//! Compile errors, as letters to their reader.
//!
//! Each file under `ui/` holds one mistake and is named for it; beside it lies what rustc says. After a change of a
//! message, `TRYBUILD=overwrite cargo test -p tidings-tests --test ui` writes them anew: read the difference.

#[test]
fn a_mistake_is_one_error_at_its_own_token() {
    let cases = trybuild::TestCases::new();
    for kind in ["event", "family", "handler", "lists", "state", "publish"] {
        cases.compile_fail(format!("ui/{kind}/*.rs"));
    }
}

#[test]
fn odd_but_legal_shapes_compile() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
