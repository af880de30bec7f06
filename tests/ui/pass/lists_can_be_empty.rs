use tidings::{App, EventDescriptor, events, handlers};

const NONE: &[EventDescriptor] = events![];

pub(super) fn main() {
    assert!(NONE.is_empty());
    let _ = App::new("shop").handlers(handlers![]);
    let _ = App::new("shop").state(5).handlers(handlers![]);
}
