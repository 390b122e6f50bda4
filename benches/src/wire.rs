//! The least that a client can be: one connection, bytes written as they are, the answer's status and body read. It costs the same whoever answers.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Nobody may take longer for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One keep-alive connection.
#[derive(Debug)]
pub struct Wire {
    /// Host and port.
    host: String,
    stream: Option<TcpStream>,
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Wire {
    /// A connection to be made to `http://HOST:PORT`.
    #[must_use]
    pub fn to(address: &str) -> Self {
        Wire { host: address.trim_start_matches("http://").trim_end_matches('/').to_owned(), stream: None, read: Vec::new() }
    }

    /// Sends a POST and reads the whole answer. `headers` are whole lines, each ending in CRLF.
    ///
    /// # Errors
    /// When the connection fails, or what comes is no HTTP.
    pub fn post(&mut self, path: &str, headers: &str, body: &str) -> io::Result<Reply> {
        let request = format!("POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n{body}", self.host, body.len());
        self.exchange(request.as_bytes())
    }

    /// Sends a GET and reads the whole answer.
    ///
    /// # Errors
    /// When the connection fails, or what comes is no HTTP.
    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.exchange(request.as_bytes())
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.host)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().expect("it was just made");
        stream.write_all(request)?;
        self.read.clear();
        let head = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            more(stream, &mut self.read)?;
        };
        let text = String::from_utf8_lossy(&self.read[..head]).to_ascii_lowercase();
        let status = text.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(|| io::Error::other("no HTTP answer"))?;
        let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
        let body = match header("content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => {
                while self.read.len() < head + length {
                    more(stream, &mut self.read)?;
                }
                self.read[head..head + length].to_vec()
            }
            None => chunked(stream, &mut self.read, head)?,
        };
        if header("connection") == Some("close") {
            self.stream = None;
        }
        Ok(Reply { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    let mut some = [0; 16 * 1024];
    let length = stream.read(&mut some)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    read.extend_from_slice(&some[..length]);
    Ok(())
}

/// Reads the chunks that begin at `at`.
fn chunked(stream: &mut TcpStream, read: &mut Vec<u8>, at: usize) -> io::Result<Vec<u8>> {
    let (mut at, mut body) = (at, Vec::new());
    loop {
        let line = loop {
            if let Some(end) = find(&read[at..], b"\r\n") {
                break end;
            }
            more(stream, read)?;
        };
        let size = std::str::from_utf8(&read[at..at + line]).ok().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or_else(|| io::Error::other("no chunk"))?;
        at += line + 2;
        while read.len() < at + size + 2 {
            more(stream, read)?;
        }
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&read[at..at + size]);
        at += size + 2;
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
