//! Whether a node accepts AMQP connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Whether a broker on this port answers the protocol header with `Connection.Start`, a frame of type 1.
///
/// This is much cheaper than RabbitMQ's own tools, each of which starts an Erlang VM.
pub(crate) fn answers(port: u16) -> bool {
    handshake(port).unwrap_or(false)
}

fn handshake(port: u16) -> std::io::Result<bool> {
    let limit = Duration::from_secs(2);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"AMQP\0\0\x09\x01")?;
    let mut frame = [0];
    stream.read_exact(&mut frame)?;
    Ok(frame == [1])
}

pub(crate) fn listens(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answered_with(answer: &'static [u8]) -> bool {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut header = [0; 8];
            stream.read_exact(&mut header).unwrap();
            stream.write_all(answer).unwrap();
        });
        let ready = answers(port);
        server.join().unwrap();
        ready
    }

    #[test]
    fn only_a_method_frame_counts_as_an_answer() {
        assert!(answered_with(b"\x01\0\0"));
        assert!(!answered_with(b"AMQP\0\0\x09\x01"));
        assert!(!answered_with(b""));
    }

    #[test]
    fn a_closed_port_does_not_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(!answers(port) && !listens(port));
    }
}
