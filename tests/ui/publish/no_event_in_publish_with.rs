use tidings::{Bus, PublishOptions};

struct Plain;

async fn sell(bus: Bus) {
    let _ = bus.publish_with(&Plain, PublishOptions::new().mandatory()).await;
}

fn main() {
    let _ = sell;
}
