//! The command: its output and its exit codes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

fn shop() -> Command {
    let mut shop = Command::new(env!("CARGO_BIN_EXE_shop"));
    shop.env_remove("TIDINGS_URL");
    shop
}

fn run(args: &[&str]) -> Output {
    shop().args(args).output().unwrap()
}

#[test]
fn one_process_prints_each_story_and_balances() {
    let output = run(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in [
        "cart-36",
        "again later",
        "DEAD LETTER",
        "stray-exotic  no handler ran",
        "The books balance.",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[test]
fn a_wrong_argument_is_an_error_with_its_name() {
    for (args, message) in [
        (&["--oders", "3"][..], "there is no option `--oders`"),
        (&["--orders"], "`--orders` needs a value"),
        (&["--orders", "many"], "`--orders` cannot be `many`"),
        (&["--orders", "1", "--orders=2"], "`--orders` is given twice"),
        (&["--role", "sales"], "there is no role `sales`"),
        (&["--data", "books"], "`--data` has no meaning without `--role`"),
        (
            &["--role", "customer", "--listen", "[::]:1"],
            "`--listen` has no meaning with `--role customer`",
        ),
        (
            &["--role=customer", "--url=localhost"],
            "write http://127.0.0.1:8081",
        ),
        (
            &["--role", "orders", "--listen", "8081"],
            "`--listen` cannot be `8081`",
        ),
    ] {
        let output = run(args);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(message), "{args:?}: {text}");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn help_names_every_role() {
    let output = run(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("--role orders|payments|inventory") && text.contains("--role customer"));
}

#[test]
fn a_service_never_runs_on_the_in_memory_broker_by_accident() {
    let output = run(&["--role", "payments", "--listen", "127.0.0.1:0"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("`TIDINGS_URL` is not set"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn each_service_runs_until_sigterm_and_exits_with_success() {
    for role in ["orders", "payments", "inventory"] {
        let mut service = shop()
            .args(["--role", role, "--listen", "127.0.0.1:0"])
            .env("TIDINGS_URL", "memory:")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(
            first.starts_with(&format!("{role} listens on http://127.0.0.1:")),
            "{first}"
        );
        let kill = Command::new("kill")
            .args(["-TERM", &service.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert!(service.wait().unwrap().success(), "{role}");
        assert_eq!(lines.next().unwrap().unwrap(), format!("{role} has ended"));
    }
}
