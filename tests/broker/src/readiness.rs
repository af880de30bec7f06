//! Whether a node takes AMQP connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Whether a broker answers the protocol header on this port with a frame of type 1, which is `Connection.Start`.
///
/// Cheaper by far than RabbitMQ's own tools, each of which starts an Erlang of its own.
pub(crate) fn answers(port: u16) -> bool {
    shakes_hands(port).unwrap_or(false)
}

fn shakes_hands(port: u16) -> std::io::Result<bool> {
    let soon = Duration::from_secs(2);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, soon)?;
    stream.set_read_timeout(Some(soon))?;
    stream.write_all(b"AMQP\0\0\x09\x01")?;
    let mut frame = [0];
    stream.read_exact(&mut frame)?;
    Ok(frame == [1])
}

/// Whether anything listens on this port.
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
    fn a_method_frame_is_an_answer_and_another_header_is_none() {
        assert!(answered_with(b"\x01\0\0"));
        assert!(!answered_with(b"AMQP\0\0\x09\x01"));
        assert!(!answered_with(b""));
    }

    #[test]
    fn nobody_there_is_no_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert!(!answers(port) && !listens(port));
    }
}
