//! One keep-alive connection: a request out, a reply in.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;

/// A reply. Borrowed from the connection's buffer.
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// A connection and what has been read of a reply.
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: &str) -> Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, buffer: vec![0; 16_384], filled: 0 })
    }

    /// Sends a request. It is small and nothing else is under way, so the kernel takes all of it.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        self.socket.write_all(request)
    }

    /// Reads what has come; gives the reply to `seen` and returns true once it is whole.
    pub(crate) fn receive(&mut self, seen: impl FnOnce(&Reply<'_>)) -> Result<bool> {
        match self.socket.read(&mut self.buffer[self.filled..]) {
            Ok(0) => return Err(Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
            Ok(size) => self.filled += size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        let Some(reply) = parse(&self.buffer[..self.filled])? else { return Ok(false) };
        seen(&reply);
        self.filled = 0;
        Ok(true)
    }
}

/// The reply in `bytes`, if all of it is there. Replies have a content-length, as granian's have.
fn parse(bytes: &[u8]) -> Result<Option<Reply<'_>>> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| bad("a head that is not text"))?;
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or_else(|| bad("no status"))?;
    let length: usize = head.lines().find_map(length_of).ok_or_else(|| bad("no content-length"))?;
    let body = &bytes[end + 4..];
    if body.len() > length {
        return Err(bad("more than was asked for"));
    }
    Ok((body.len() == length).then_some(Reply { status, body }))
}

fn length_of(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// Where `part` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
