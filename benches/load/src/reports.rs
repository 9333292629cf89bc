//! Execution reports of the users' data streams, over the WebSocket API, and when each arrived.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::http::find;
use crate::plan::User;
use crate::requests::{key, milliseconds, sign};

/// One user's data stream.
pub(crate) struct Reports {
    pub(crate) socket: TcpStream,
    buffer: Vec<u8>,
    tag: Vec<u8>,
    /// When the report of a new order arrived, by the order's number.
    pub(crate) arrived: HashMap<usize, Instant>,
}

impl Reports {
    /// Connects and subscribes with a signature.
    pub(crate) fn open(address: &str, user: &User, tag: &str) -> Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let upgrade = format!(
            "GET /ws-api/v3 HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        socket.write_all(upgrade.as_bytes())?;
        let mut head = Vec::new();
        while find(&head, b"\r\n\r\n").is_none() {
            let mut byte = [0];
            socket.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let mut stream = Self { socket, buffer: Vec::new(), tag: tag.into(), arrived: HashMap::new() };
        stream.subscribe(user)?;
        stream.socket.set_nonblocking(true)?;
        Ok(stream)
    }

    fn subscribe(&mut self, user: &User) -> Result<()> {
        let asked = format!("apiKey={}&timestamp={}", user.api_key, milliseconds());
        let signature = sign(&key(&user.secret_key), &asked);
        let params = asked.replace("apiKey=", r#"{"apiKey":""#).replace("&timestamp=", r#"","timestamp":"#);
        let request = format!(
            r#"{{"id":1,"method":"userDataStream.subscribe.signature","params":{params},"signature":"{signature}"}}}}"#
        );
        self.socket.write_all(&masked(request.as_bytes()))?;
        let mut reply = [0; 1_024];
        let size = self.socket.read(&mut reply)?;
        let text = String::from_utf8_lossy(&reply[..size]);
        if text.contains(r#""status":200"#) { Ok(()) } else { Err(Error::new(ErrorKind::PermissionDenied, text)) }
    }

    /// Reads what has come.
    pub(crate) fn receive(&mut self) -> Result<()> {
        let mut chunk = [0; 16_384];
        let size = match self.socket.read(&mut chunk) {
            Ok(0) => return Err(Error::new(ErrorKind::UnexpectedEof, "the user data stream was closed")),
            Ok(size) => size,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let now = Instant::now();
        self.buffer.extend_from_slice(&chunk[..size]);
        let mut at = 0;
        while let Some((start, end)) = frame(&self.buffer[at..]) {
            if let Some(number) = new_order(&self.buffer[at + start..at + end], &self.tag) {
                self.arrived.entry(number).or_insert(now);
            }
            at += end;
        }
        self.buffer.drain(..at);
        Ok(())
    }
}

/// A text frame of a client, its length in 16 bits. A mask of zeros is a mask.
fn masked(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81, 0xFE];
    frame.extend_from_slice(&(text.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text);
    frame
}

/// Where the payload of the first whole frame begins and ends.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, length) = match bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(*short)),
    };
    (bytes.len() >= start + length).then_some((start, start + length))
}

/// The number of the order that a payload reports as new.
fn new_order(payload: &[u8], tag: &[u8]) -> Option<usize> {
    find(payload, br#""x":"NEW""#)?;
    let id = &payload[find(payload, br#""c":""#)? + 5..];
    let digits = id[..find(id, b"\"")?].strip_prefix(tag)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
