//! Ports that no one else takes meanwhile.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{env, io, process};

/// How many nodes a block has ports for.
pub(crate) const NODES: usize = 8;

// A block: epmd, then four for each node, then what is left for the tools, which listen while they talk to a node.
const SIZE: u16 = 64;
const TOOLS: u16 = 40;
/// Below what Linux hands out to outgoing connections: a port found free by binding to zero is one that the next
/// connection of any neighbour may get, and a killed node must find its own again.
const FIRST: u16 = 10_240;
const BLOCKS: u16 = (32_768 - FIRST) / SIZE;

/// Ports on loopback, ours until dropped or until the process ends.
#[derive(Debug)]
pub(crate) struct Ports {
    base: u16,
    _lock: File,
}

impl Ports {
    /// Takes a block that neither another test holds nor anybody listens in.
    pub(crate) fn take() -> io::Result<Self> {
        let folder = env::temp_dir().join("tidings-ports");
        fs::create_dir_all(&folder)?;
        // Another user's tests share the machine's ports; not to be the owner is no error.
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o777));
        // Neighbours begin apart, so that they seldom meet.
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
        // A lock, not the file's being there: it ends with the process, however that ends.
        lock.try_lock().ok()?;
        let free = (base..base + TOOLS).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
        free.then_some(Self { base, _lock: lock })
    }

    /// Tells blocks apart.
    pub(crate) fn base(&self) -> u16 {
        self.base
    }

    pub(crate) fn epmd(&self) -> u16 {
        self.base
    }

    /// The four of node `index`: AMQP, Erlang's distribution, management, TLS.
    pub(crate) fn node(&self, index: usize) -> [u16; 4] {
        assert!(index < NODES, "no ports for node {index}");
        let first = self.base + 1 + 4 * u16::try_from(index).unwrap_or_default();
        [first, first + 1, first + 2, first + 3]
    }

    /// The first and last of those for the tools.
    pub(crate) fn tools(&self) -> (u16, u16) {
        (self.base + TOOLS, self.base + SIZE - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_taken_at_once_are_not_the_same() {
        let (one, two) = (Ports::take().unwrap(), Ports::take().unwrap());
        assert!(one.base().abs_diff(two.base()) >= SIZE);
    }

    #[test]
    fn the_ports_of_a_block_do_not_meet() {
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
