//! Reserves ports, so that parallel tests do not use the same ones.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{env, io, process};

/// The largest number of nodes in a block of ports.
pub(crate) const NODES: usize = 8;

// A block has one port for epmd, four for each node, and the rest for the tools, which listen while they run.
const SIZE: u16 = 64;
const TOOLS: u16 = 40;
/// All blocks are below the range that Linux gives to outgoing connections. A killed node needs its port again, and
/// another process could take a port of that range in the meantime.
const FIRST: u16 = 10_240;
const BLOCKS: u16 = (32_768 - FIRST) / SIZE;

/// A block of ports on loopback, reserved until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Ports {
    base: u16,
    _lock: File,
}

impl Ports {
    /// Reserves a block that no other test has and in which no process listens.
    pub(crate) fn take() -> io::Result<Self> {
        let folder = env::temp_dir().join("tidings-ports");
        fs::create_dir_all(&folder)?;
        // Tests of other users share the folder. The call may fail when another user owns it.
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o777));
        // Processes start at different blocks, so that they rarely try the same one.
        let first = u16::try_from(process::id() % u32::from(BLOCKS)).unwrap_or_default();
        (0..BLOCKS)
            .map(|step| FIRST + (first + step) % BLOCKS * SIZE)
            .find_map(|base| Self::lock(&folder, base))
            .ok_or_else(|| io::Error::other("every block of ports is taken"))
    }

    fn lock(folder: &Path, base: u16) -> Option<Self> {
        let path = folder.join(base.to_string());
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .ok()?;
        let _ = fs::set_permissions(&path, Permissions::from_mode(0o666));
        // The system releases the lock when the process ends, but it would not delete a file.
        lock.try_lock().ok()?;
        let free = (base..base + TOOLS).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
        free.then_some(Self { base, _lock: lock })
    }

    /// The first port, which identifies the block.
    pub(crate) fn base(&self) -> u16 {
        self.base
    }

    pub(crate) fn epmd(&self) -> u16 {
        self.base
    }

    /// The ports of node `index`: AMQP, Erlang distribution, management, TLS.
    pub(crate) fn node(&self, index: usize) -> [u16; 4] {
        assert!(index < NODES, "no ports for node {index}");
        let first = self.base + 1 + 4 * u16::try_from(index).unwrap_or_default();
        [first, first + 1, first + 2, first + 3]
    }

    /// The first and the last port of the tools.
    pub(crate) fn tools(&self) -> (u16, u16) {
        (self.base + TOOLS, self.base + SIZE - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reserved_blocks_differ() {
        let (one, two) = (Ports::take().unwrap(), Ports::take().unwrap());
        assert!(one.base().abs_diff(two.base()) >= SIZE);
    }

    #[test]
    fn the_ports_of_a_block_do_not_overlap() {
        let ports = Ports::take().unwrap();
        let mut all: Vec<u16> = (0..NODES).flat_map(|index| ports.node(index)).collect();
        all.push(ports.epmd());
        let (from, to) = ports.tools();
        all.extend(from..=to);
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(
            all.iter()
                .all(|port| (ports.base..ports.base + SIZE).contains(port))
        );
    }
}
