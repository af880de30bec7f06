//! Bytes under way in one direction.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Mode;

/// How much may be under way; past it the relay reads no more, and its peer cannot write.
const MOST: usize = 4 * 1024 * 1024;
/// How often a throttled direction writes.
const TICK: Duration = Duration::from_millis(50);
/// So many of them are a second.
const TICKS: u32 = 20;

/// Bytes under way, each with the time at which it may arrive.
#[derive(Default)]
pub(super) struct InFlight {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    ended: bool,
    /// When a throttled direction writes next.
    next_tick: Option<Instant>,
}

impl InFlight {
    /// Whether there is room, and something may still come.
    pub(super) fn takes(&self) -> bool {
        !self.ended && self.bytes < MOST
    }

    /// Whether the last byte has left.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.chunks.is_empty()
    }

    /// Takes what was read; nothing is the end.
    pub(super) fn take(&mut self, chunk: Vec<u8>, mode: Mode) {
        if chunk.is_empty() {
            self.ended = true;
            return;
        }
        let late = match mode {
            Mode::Late(late) => late,
            _ => Duration::ZERO,
        };
        // Never before what is in front of it.
        let due = self.chunks.back().map_or_else(Instant::now, |(due, _)| *due);
        let due = due.max(Instant::now() + late);
        self.bytes += chunk.len();
        self.chunks.push_back((due, chunk));
    }

    /// When there is something to write.
    pub(super) fn due(&self) -> Option<Instant> {
        let (due, _) = self.chunks.front()?;
        Some(self.next_tick.map_or(*due, |tick| tick.max(*due)))
    }

    /// Writes what may leave now.
    pub(super) fn give(&mut self, to: &TcpStream, mode: Mode) -> io::Result<()> {
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
