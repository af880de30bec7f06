use tidings::event_handler;

#[event_handler("order.created")]
struct TakePayment;

fn main() {
    let _ = TakePayment;
}
