use tidings::{App, event_handler, handlers};
use tidings_tests::OrderCreated;

mod outer {
    pub(crate) mod inner {
        use tidings_tests::OrderCreated;

        #[tidings::event_handler]
        pub(in crate::handlers_in_modules::outer) async fn near(_order: OrderCreated) {}

        #[tidings::event_handler]
        pub(crate) async fn far(_order: OrderCreated) {}
    }

    pub(crate) use self::inner::far as renamed;

    pub fn list() -> impl tidings::__private::HandlerList<tidings::NoState> {
        tidings::handlers![inner::near, self::inner::far]
    }
}

use outer::inner::far;

#[event_handler]
async fn here(_order: OrderCreated) {}

pub(super) fn main() {
    let _ = App::new("shop").handlers(handlers![far, here]);
    let _ = App::new("shop").handlers(handlers![crate::handlers_in_modules::outer::inner::far]);
    let _ = App::new("shop").handlers(handlers![outer::renamed]);
    let _ = App::new("shop").handlers(outer::list());
}
