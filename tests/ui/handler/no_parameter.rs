use tidings::{event_handler, handlers};

#[event_handler]
async fn take_payment() {}

fn main() {
    let _ = handlers![take_payment];
}
