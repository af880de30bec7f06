use tidings::DomainEvent;

#[derive(DomainEvent)]
enum OrderEvent {}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
