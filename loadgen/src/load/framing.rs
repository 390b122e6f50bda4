//! Where an HTTP/1 answer ends: its head, and which of the ways its body is delimited in. Pure functions of the bytes at hand.

use bytes::{Bytes, BytesMut};
use httparse::{EMPTY_HEADER, Header, Response, Status, parse_chunk_size};

/// Most headers of an answer.
const MOST_HEADERS: usize = 100;

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Bytes that it takes.
    pub(super) length: usize,
    pub(super) framing: Framing,
    /// Whether the server keeps the connection.
    pub(super) keeps: bool,
}

/// What tells where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// After the last chunk.
    Chunked,
    /// When the connection does.
    UntilClosed,
}

/// What came is no HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("what came is no HTTP answer: {0}")]
    Head(httparse::Error),
    #[error("the answer's Content-Length is no number")]
    Length,
    #[error("the answer's chunks are malformed")]
    Chunk,
}

/// The head at the beginning of `bytes`; None as long as it is not complete.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut response = Response::new(&mut headers);
    let Status::Complete(length) = response.parse(bytes).map_err(Malformed::Head)? else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let says = |name: &str, word: &str| said(response.headers, name).any(|value| contains(value, word));
    let keeps = if response.version == Some(1) { !says("connection", "close") } else { says("connection", "keep-alive") };
    let framing = if (100..200).contains(&status) || status == 204 || status == 304 {
        Framing::Length(0)
    } else if says("transfer-encoding", "chunked") {
        Framing::Chunked
    } else {
        match said(response.headers, "content-length").next() {
            Some(value) => Framing::Length(number(value).ok_or(Malformed::Length)?),
            None => Framing::UntilClosed,
        }
    };
    Ok(Some(Head { status, length, framing, keeps: keeps && framing != Framing::UntilClosed }))
}

/// The body that the chunks at the beginning of `bytes` make, and where they end; None as long as the last is not there.
pub(super) fn chunks(bytes: &[u8]) -> Result<Option<(Bytes, usize)>, Malformed> {
    let (mut at, mut body) = (0, BytesMut::new());
    loop {
        let Status::Complete((begin, size)) = parse_chunk_size(&bytes[at..]).map_err(|_| Malformed::Chunk)? else { return Ok(None) };
        at += begin;
        if size == 0 {
            return Ok(trailers_end(&bytes[at..]).map(|end| (body.freeze(), at + end)));
        }
        let end = usize::try_from(size).ok().and_then(|size| at.checked_add(size)).ok_or(Malformed::Chunk)?;
        let Some(chunk) = bytes.get(at..end) else { return Ok(None) };
        body.extend_from_slice(chunk);
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => at = end + 2,
            Some(_) => return Err(Malformed::Chunk),
            None => return Ok(None),
        }
    }
}

/// Where the lines behind the last chunk end: after the first empty one.
fn trailers_end(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn said<'h>(headers: &'h [Header<'_>], name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// Whether one of the words between commas is this one.
fn contains(value: &[u8], word: &str) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

fn number(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value.trim_ascii()).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_complete_or_not_yet_there() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\nhello";
        for end in 0..whole.len() - 5 {
            assert_eq!(head(&whole[..end]), Ok(None), "{end}");
        }
        let expected = Head { status: 200, length: whole.len() - 5, framing: Framing::Length(5), keeps: true };
        assert_eq!(head(whole), Ok(Some(expected)));
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        for length in ["-1", "five", "1e3", "+5", "99999999999999999999999"] {
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            assert_eq!(head(answer.as_bytes()), Err(Malformed::Length), "{length}");
        }
    }

    #[test]
    fn chunks_end_with_the_last_one_and_its_trailers() {
        let whole = b"2\r\nso\r\n2;extension\r\nld\r\n0\r\nChecksum: none\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(chunks(&whole[..end]), Ok(None), "{end}");
        }
        assert_eq!(chunks(whole), Ok(Some((Bytes::from_static(b"sold"), whole.len()))));
        assert_eq!(chunks(b"2\r\nsold\r\n"), Err(Malformed::Chunk));
        assert_eq!(chunks(b"zwei\r\n"), Err(Malformed::Chunk));
    }
}
