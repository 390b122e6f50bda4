//! A port that is kept although nobody listens on it: connecting is refused, and nobody else can take it.
//!
//! A socket that is bound and does not listen shares its port with others that allow it (`SO_REUSEADDR`), so whoever listened there can
//! come back while it is kept; a port that the system picks for somebody else it is not.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

/// Between two tries for a port whose listener is just giving it up.
const PAUSE: Duration = Duration::from_millis(10);

/// How often it is tried: sockets that end keep their port for moments only.
const TRIES: u32 = 500;

/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 1_024;

/// A port without a listener. Dropping it gives the port up.
#[derive(Debug)]
pub struct KeptPort(TcpSocket);

impl KeptPort {
    /// Keeps the port of a listener that is gone, or is just going.
    ///
    /// # Errors
    /// When somebody has it for good.
    pub async fn keep(address: SocketAddr) -> io::Result<Self> {
        let mut tried = 0;
        loop {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            match socket.bind(address) {
                Ok(()) => return Ok(Self(socket)),
                Err(error) if tried >= TRIES => return Err(error),
                Err(_) => tried += 1,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Keeps a port of 127.0.0.1 that the system picks: for an address at which nobody is, or for a program that must be told where to listen
    /// (and allows others beside it, `SO_REUSEADDR`, as nearly every server does).
    ///
    /// # Errors
    /// When there is none left.
    pub fn any() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self(socket))
    }

    /// Where it is.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Listens on it.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kept_port_refuses_connections_and_lets_its_listener_come_back() {
        // Nobody else takes it between two owners.
        let meanwhile = KeptPort::any().unwrap();
        let address = meanwhile.address().unwrap();
        drop(TcpListener::bind(address).await.unwrap());
        let kept = KeptPort::keep(address).await.unwrap();
        let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let back = TcpListener::bind(address).await.unwrap();
        drop(kept);
        tokio::net::TcpStream::connect(address).await.unwrap();
        drop(back);
        let listener = KeptPort::keep(address).await.unwrap().listen().unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn a_port_that_is_kept_is_given_to_nobody_who_asks_for_any() {
        let kept = KeptPort::any().unwrap();
        let address = kept.address().unwrap();
        // About twice as many as there are ports to pick from.
        for _ in 0..60_000 {
            assert_ne!(KeptPort::any().unwrap().address().unwrap(), address);
        }
        assert_eq!(tokio::net::TcpStream::connect(address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
