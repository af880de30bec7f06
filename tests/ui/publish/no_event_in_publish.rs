use tidings::Bus;

struct Plain;

async fn sell(bus: Bus) {
    let _ = bus.publish(&Plain).await;
}

fn main() {
    let _ = sell;
}
