//! One keep-alive HTTP/1.1 connection, spoken by hand: a buyer writes bytes and reads bytes, in the buyer's own task.
//!
//! A client library gives each connection a task of its own and passes every request and answer between two tasks, which costs the generator more
//! than the rest of a request. Here one write and one read do, into a buffer that the connection keeps. What is told apart is what the proof
//! needs: *nothing was sent*, *it may have been served*, *the complete answer came*.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;

use super::framing::{self, Framing, Head, Malformed};

/// Largest answer that is read, its head included: a page of rows takes a hundredth of it.
pub(super) const ANSWER_LIMIT: usize = 1024 * 1024;

/// Room for an ordinary answer.
const READ_ROOM: usize = 4 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    read: BytesMut,
    /// Of the answer that is being read.
    status: Option<u16>,
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// Whether the connection may be used again.
    pub(super) keeps: bool,
}

/// Why there is no complete answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// Not one byte of the request left.
    Unsent(io::Error),
    /// The connection ended, or what came is no HTTP; the request may have been served.
    Cut(String),
    /// More came than an answer can be.
    TooLong,
}

/// How far the request got.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Whole,
    /// The answer came, or the connection broke, before all of it was written.
    InPart,
}

impl From<Malformed> for Failed {
    fn from(malformed: Malformed) -> Self {
        Failed::Cut(malformed.to_string())
    }
}

impl Wire {
    /// Connects.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Wire { stream, read: BytesMut::with_capacity(READ_ROOM), status: None })
    }

    /// Whether nothing happened on it since its last answer: it was neither closed, nor was anything sent that nobody asked for.
    pub(super) fn is_idle(&self) -> bool {
        let nothing = matches!(self.stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        nothing && self.read.is_empty()
    }

    /// Status of the answer, when at least its head came.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// Sends a request and reads the complete answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Reply, Failed> {
        self.status = None;
        let sent = self.send(request).await?;
        let head = self.head().await?;
        self.status = Some(head.status);
        let body = self.body(&head).await?;
        let keeps = head.keeps && sent == Sent::Whole && self.read.is_empty();
        Ok(Reply { status: head.status, body, keeps })
    }

    /// Writes the request; stops when the server answers before it has all of it, as one does that refuses a large body.
    async fn send(&mut self, request: &[u8]) -> Result<Sent, Failed> {
        let mut written = 0;
        while written < request.len() {
            match self.stream.try_write(&request[written..]) {
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let ready = self.stream.ready(Interest::READABLE | Interest::WRITABLE).await;
                    let ready = ready.map_err(|error| Failed::Cut(error.to_string()))?;
                    if ready.is_readable() && self.has_come()? {
                        return Ok(Sent::InPart);
                    }
                }
                Err(error) if written == 0 => return Err(Failed::Unsent(error)),
                // It may have answered before it closed.
                Err(_) => return Ok(Sent::InPart),
            }
        }
        Ok(Sent::Whole)
    }

    /// Whether something of the answer is there.
    fn has_come(&mut self) -> Result<bool, Failed> {
        match self.stream.try_read_buf(&mut self.read) {
            Ok(0) => Err(closed()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Failed::Cut(error.to_string())),
        }
    }

    /// Reads the head of the final answer; interim ones (100 to 199) say nothing yet.
    async fn head(&mut self) -> Result<Head, Failed> {
        loop {
            if let Some(head) = framing::head(&self.read)? {
                drop(self.read.split_to(head.length));
                if !(100..200).contains(&head.status) {
                    return Ok(head);
                }
            } else if self.more().await? == 0 {
                return Err(closed());
            }
        }
    }

    async fn body(&mut self, head: &Head) -> Result<Bytes, Failed> {
        match head.framing {
            Framing::Length(length) if length > ANSWER_LIMIT => Err(Failed::TooLong),
            Framing::Length(length) => {
                while self.read.len() < length {
                    if self.more().await? == 0 {
                        return Err(closed());
                    }
                }
                Ok(self.read.split_to(length).freeze())
            }
            Framing::Chunked => loop {
                if let Some((body, end)) = framing::chunks(&self.read)? {
                    drop(self.read.split_to(end));
                    return Ok(body);
                }
                if self.more().await? == 0 {
                    return Err(closed());
                }
            },
            Framing::UntilClosed => {
                while self.more().await? > 0 {}
                Ok(self.read.split().freeze())
            }
        }
    }

    /// Reads what there is, waiting for something; 0 at the end of the connection.
    async fn more(&mut self) -> Result<usize, Failed> {
        if self.read.len() >= ANSWER_LIMIT {
            return Err(Failed::TooLong);
        }
        self.read.reserve(READ_ROOM);
        self.stream.read_buf(&mut self.read).await.map_err(|error| Failed::Cut(error.to_string()))
    }
}

fn closed() -> Failed {
    Failed::Cut("the connection was closed before the answer was complete".to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    const REQUEST: &[u8] = b"POST /checkout HTTP/1.1\r\nhost: shop\r\ncontent-length: 2\r\n\r\n{}";

    /// A server that writes each of these pieces after a read, then closes.
    async fn answering(pieces: &'static [&'static [u8]]) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            for piece in pieces {
                stream.write_all(piece).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        Wire::open(address).await.unwrap()
    }

    async fn body_of(pieces: &'static [&'static [u8]]) -> Result<(String, bool), Failed> {
        let reply = answering(pieces).await.exchange(REQUEST).await?;
        Ok((String::from_utf8_lossy(&reply.body).into_owned(), reply.keeps))
    }

    #[tokio::test]
    async fn an_answer_is_read_however_it_is_framed_and_cut_up() {
        let cases: [(&[&[u8]], &str, bool); 6] = [
            (&[b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsold"], "sold", true),
            (&[b"HTTP/1.1 20", b"0 OK\r\ncontent-le", b"ngth: 4\r\n\r\nso", b"ld"], "sold", true),
            (&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nso\r", b"\n2\r\nld\r\n0\r\n", b"\r\n"], "sold", true),
            (&[b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nsold"], "sold", false),
            (&[b"HTTP/1.0 200 OK\r\n\r\nso", b"ld"], "sold", false),
            (&[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"], "", true),
        ];
        for (pieces, body, keeps) in cases {
            assert_eq!(body_of(pieces).await.unwrap(), (body.to_owned(), keeps), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_whole_decides_nothing() {
        let cases: [&[&[u8]]; 5] = [
            &[],
            &[b"HTTP/1.1 200 OK\r\nContent-Le"],
            &[b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsold"],
            &[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsold\r\n"],
            &[b"nonsense\r\n\r\n"],
        ];
        for pieces in cases {
            assert!(matches!(body_of(pieces).await, Err(Failed::Cut(_))), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let pieces: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nsold"];
        assert!(matches!(body_of(pieces).await, Err(Failed::TooLong)));
    }

    #[tokio::test]
    async fn a_connection_is_idle_until_it_is_closed() {
        let mut wire = answering(&[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]).await;
        assert!(wire.is_idle());
        wire.exchange(REQUEST).await.unwrap();
        // Until the close has arrived.
        while wire.is_idle() {
            wire.stream.readable().await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_answer_before_the_end_of_a_large_request_is_heard() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            // Reads nothing; held until the answer was read, so that it is not lost in a reset.
            stream
        });
        let large = [REQUEST, &vec![b'x'; 32 * 1024 * 1024]].concat();
        let reply = Wire::open(address).await.unwrap().exchange(&large).await.unwrap();
        assert_eq!((reply.status, reply.keeps), (413, false));
        drop(server.await.unwrap());
    }
}
