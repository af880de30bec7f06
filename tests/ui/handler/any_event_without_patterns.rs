use tidings::{AnyEvent, event_handler, handlers};

#[event_handler]
async fn audit(_event: AnyEvent) {}

fn main() {
    let _ = handlers![audit];
}
