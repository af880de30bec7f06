//! What nobody would write by hand: 500 handlers, 100 handlers with 100 patterns each, and a family of 50 events.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const STARTED: usize = 500;
const COLD: usize = 100;
const VARIANTS: usize = 50;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var_os("OUT_DIR").expect("cargo says where to write");
    let source = [started(), cold(), family()].concat();
    fs::write(Path::new(&folder).join("many.rs"), source).expect("the folder can be written to");
}

/// Writing to a string cannot fail.
macro_rules! add {
    ($to:ident, $($text:tt)*) => { writeln!($to, $($text)*).expect("memory is there") };
}

fn started() -> String {
    let mut source = String::new();
    for at in 0..STARTED {
        add!(source, "#[event_handler(\"order.created\")]");
        add!(source, "async fn start{at}(_order: OrderCreated) {{}}");
    }
    add!(source, "/// An app with 500 handlers.");
    add!(source, "pub(super) fn started(app: App) -> App {{");
    add!(
        source,
        "    app.handlers(handlers![{}])\n}}",
        names("start", STARTED)
    );
    source
}

fn cold() -> String {
    let mut source = String::new();
    for at in 0..COLD {
        let patterns: Vec<String> = (0..100).map(|word| format!("\"cold{at}.p{word}.*\"")).collect();
        add!(source, "#[event_handler({})]", patterns.join(", "));
        add!(source, "async fn cold{at}(_event: AnyEvent) {{}}");
    }
    add!(
        source,
        "/// Adds handlers whose patterns, 100 each, nothing matches."
    );
    add!(
        source,
        "pub(super) fn cold(app: App<Tally>, handlers: usize) -> App<Tally> {{"
    );
    add!(source, "    match handlers {{\n        0 => app,");
    for count in [1, 10, COLD] {
        add!(
            source,
            "        {count} => app.handlers(handlers![{}]),",
            names("cold", count)
        );
    }
    add!(
        source,
        "        other => unreachable!(\"no list of {{other}}\"),\n    }}\n}}"
    );
    source
}

fn family() -> String {
    let mut source = String::new();
    for at in 0..VARIANTS {
        add!(
            source,
            "#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]"
        );
        add!(
            source,
            "#[event(type = \"family.e{at}\", aggregate_id = order_id)]"
        );
        add!(
            source,
            "pub(super) struct Event{at} {{ order_id: Uuid, customer: String, total_cents: u64, at_micros: u64, note: String }}"
        );
    }
    add!(
        source,
        "#[derive(Debug, Clone, DomainEvent)]\n#[allow(clippy::large_enum_variant)]"
    );
    add!(source, "pub(super) enum Family {{");
    for at in 0..VARIANTS {
        add!(source, "    Event{at}(Event{at}),");
    }
    add!(source, "}}");
    source
}

fn names(of: &str, count: usize) -> String {
    let names: Vec<String> = (0..count).map(|at| format!("{of}{at}")).collect();
    names.join(", ")
}
