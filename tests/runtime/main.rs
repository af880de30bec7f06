//! The public API of the runtime, without a broker.

mod app;
mod breaker;
mod context;
mod edges;
mod errors;
mod handlers;
mod logs;
mod middleware;
mod publishing;
mod settling;
mod subscribing;
mod test_bus;

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let readme = include_str!("../../README.md");
    let quickstart = include_str!("../../examples/quickstart/src/main.rs");
    let code = quickstart.split_once("\n\n").expect("a comment, then the code").1;
    assert!(
        readme.contains(code),
        "copy examples/quickstart/src/main.rs into README.md"
    );
}
