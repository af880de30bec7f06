//! Writes code that is too long to write by hand: 500 handlers, and a family of 50 events.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const HANDLERS: usize = 500;
const VARIANTS: usize = 50;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let source = [handlers(), family()].concat();
    fs::write(Path::new(&folder).join("generated.rs"), source).expect("OUT_DIR is writable");
}

/// Appends a line to a string, which cannot fail.
macro_rules! add {
    ($to:ident, $($text:tt)*) => { writeln!($to, $($text)*).expect("a string takes any text") };
}

fn handlers() -> String {
    let mut source = String::new();
    for at in 0..HANDLERS {
        add!(source, "#[event_handler(\"order.created\")]");
        add!(source, "async fn start{at}(_order: OrderCreated) {{}}");
    }
    let names: Vec<String> = (0..HANDLERS).map(|at| format!("start{at}")).collect();
    add!(source, "/// Adds 500 handlers.");
    add!(source, "pub(super) fn with_500_handlers(app: App) -> App {{");
    add!(source, "    app.handlers(handlers![{}])\n}}", names.join(", "));
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
