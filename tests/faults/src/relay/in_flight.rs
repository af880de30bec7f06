//! The bytes that the relay has read in one direction and not written yet.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Mode;

/// The largest number of bytes in flight. Beyond it the relay stops reading, so that the peer cannot write.
const LIMIT: usize = 4 * 1024 * 1024;
/// The interval between writes in a throttled direction.
const TICK: Duration = Duration::from_millis(50);
/// The number of ticks per second.
const TICKS: u32 = 20;

/// Bytes in flight, with the time at which they are due.
#[derive(Default)]
pub(super) struct InFlight {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    ended: bool,
    /// The next write in a throttled direction.
    next_tick: Option<Instant>,
}

impl InFlight {
    /// Whether the relay may read more bytes.
    pub(super) fn has_room(&self) -> bool {
        !self.ended && self.bytes < LIMIT
    }

    /// Whether the last byte was written.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.chunks.is_empty()
    }

    /// Adds bytes that were read. An empty chunk is the end of the stream.
    pub(super) fn push(&mut self, chunk: Vec<u8>, mode: Mode) {
        if chunk.is_empty() {
            self.ended = true;
            return;
        }
        let late = match mode {
            Mode::Late(late) => late,
            _ => Duration::ZERO,
        };
        // A chunk is never due before the previous one, which keeps the order.
        let due = self.chunks.back().map_or_else(Instant::now, |(due, _)| *due);
        let due = due.max(Instant::now() + late);
        self.bytes += chunk.len();
        self.chunks.push_back((due, chunk));
    }

    /// The time of the next write.
    pub(super) fn due(&self) -> Option<Instant> {
        let (due, _) = self.chunks.front()?;
        Some(self.next_tick.map_or(*due, |tick| tick.max(*due)))
    }

    /// Writes the first chunk, or the part of it that the mode allows.
    pub(super) fn write_due(&mut self, to: &TcpStream, mode: Mode) -> io::Result<()> {
        let Some((_, chunk)) = self.chunks.front_mut() else {
            return Ok(());
        };
        let most = match mode {
            Mode::Throttled(rate) => usize::try_from(rate / TICKS).unwrap_or(usize::MAX).max(1),
            _ => chunk.len(),
        };
        self.next_tick = matches!(mode, Mode::Throttled(_)).then(|| Instant::now() + TICK);
        let written = match to.try_write(&chunk[..most.min(chunk.len())]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        chunk.drain(..written);
        self.bytes -= written;
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        Ok(())
    }
}
