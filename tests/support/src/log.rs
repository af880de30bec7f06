//! The log of a whole test process, including the threads of its libraries.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Id, Level, Metadata, Subscriber, span};

/// The events of a process since its first call of [`capture`].
#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<LogLine>>);

/// One event, as a formatter without escapes prints it.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// The level of the event.
    pub level: Level,
    /// The module that logged it.
    pub target: String,
    /// `message field=value field=value`
    pub text: String,
}

/// Starts to capture, and returns the log of the process. Tests share it, so each looks for its own events.
pub fn capture() -> &'static Log {
    static LOG: OnceLock<&Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log: &Log = Box::leak(Box::default());
        tracing::subscriber::set_global_default(Capture(log)).expect("the process has no other subscriber");
        log
    })
}

impl Log {
    /// Returns the events up to this level whose text contains `part`.
    pub fn lines_with(&self, level: Level, part: &str) -> Vec<LogLine> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lines
            .iter()
            .filter(|line| line.level <= level && line.text.contains(part));
        found.cloned().collect()
    }
}

struct Capture(&'static Log);

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = LogLine {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            text: format!("{}{}", text.message, text.fields),
        };
        let mut lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
        written.expect("a string takes every text");
    }
}
