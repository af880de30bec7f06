//! Keeps the bodies of events out of the log of lapin.
//!
//! lapin logs each returned message at WARN, with its whole body as a list of numbers. Events may contain personal data,
//! and no log level or setting of lapin changes this. lapin logs it on its I/O thread, which runs nothing else, so that
//! thread gets a subscriber that passes on all other events.

use std::cell::OnceCell;

use tracing::dispatcher::DefaultGuard;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher};

/// The module of lapin that logs returned messages.
const RETURNED_MESSAGES: &str = "lapin::returned_messages";

/// The subscriber of this task, without the events that contain bodies. A connection does not see a subscriber that is
/// set later; the runtime itself logs what happens to it.
pub(super) fn without_bodies() -> Dispatch {
    Dispatch::new(WithoutBodies(dispatcher::get_default(Clone::clone)))
}

/// Makes `dispatch` the subscriber of this thread until the thread ends.
pub(super) fn log_to(dispatch: &Dispatch) {
    thread_local! {
        static GUARD: OnceCell<DefaultGuard> = const { OnceCell::new() };
    }
    GUARD.with(|guard| {
        guard.get_or_init(|| dispatcher::set_default(dispatch));
    });
}

struct WithoutBodies(Dispatch);

fn has_body(metadata: &Metadata<'_>) -> bool {
    metadata.target() == RETURNED_MESSAGES
}

impl Subscriber for WithoutBodies {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if has_body(metadata) {
            Interest::never()
        } else {
            self.0.register_callsite(metadata)
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !has_body(metadata) && self.0.enabled(metadata)
    }

    /// The subscriber inside is registered too, so this one must not raise the level.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::current())
    }

    fn event(&self, event: &Event<'_>) {
        if !has_body(event.metadata()) {
            self.0.event(event);
        }
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.0.new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.0.record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.0.record_follows_from(span, follows);
    }

    fn enter(&self, span: &Id) {
        self.0.enter(span);
    }

    fn exit(&self, span: &Id) {
        self.0.exit(span);
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.0.clone_span(span)
    }

    fn try_close(&self, span: Id) -> bool {
        self.0.try_close(span)
    }
}
