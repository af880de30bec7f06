use tidings::DomainEvent;

#[derive(DomainEvent)]
enum OrderEvent<T> {
    Created(T),
}

fn main() {
    let _ = OrderEvent::Created(1);
}
