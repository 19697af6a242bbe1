//! HTTP/1.1 byte by byte: one reader for both directions, and a client that sends whatever it is
//! given.

use super::{Headers, PATIENCE, Response};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A message as it was on the wire.
#[derive(Clone, Debug)]
pub struct Message {
    /// The request line or the status line.
    pub start: Vec<u8>,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub trailers: Headers,
}

/// How long a message without `content-length` and chunks is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unsized {
    /// A request: it has no body.
    Empty,
    /// An answer to HEAD: it has none whatever its `content-length` says.
    Never,
    /// An answer: it lasts until the connection ends.
    UntilClose,
}

/// A connection and what was read ahead from it.
pub struct Wire<S> {
    stream: S,
    ahead: Vec<u8>,
}

impl<S: Read + Write> Wire<S> {
    pub fn new(stream: S) -> Self {
        let ahead = Vec::new();
        Self { stream, ahead }
    }

    /// What it is a wire on.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next message, or an error when the other side ended the connection.
    pub fn read(&mut self, length: Unsized) -> io::Result<Message> {
        let start = self.line()?;
        let headers = self.fields()?;
        let has_body = length != Unsized::Never;
        let chunked = has_body && headers.all("transfer-encoding").contains(&&b"chunked"[..]);
        let mut trailers = Headers::default();
        let body = if chunked {
            let mut body = Vec::new();
            loop {
                let size = String::from_utf8_lossy(&self.line()?).into_owned();
                let size = usize::from_str_radix(size.trim(), 16).map_err(Error::other)?;
                if size == 0 {
                    break;
                }
                body.extend(self.exactly(size)?);
                self.line()?;
            }
            trailers = self.fields()?;
            body
        } else if let (true, Some(length)) = (has_body, headers.text("content-length")) {
            self.exactly(length.parse().map_err(Error::other)?)?
        } else if length == Unsized::UntilClose && !is_bodiless(&start) {
            self.stream.read_to_end(&mut self.ahead)?;
            std::mem::take(&mut self.ahead)
        } else {
            Vec::new()
        };
        Ok(Message {
            start,
            headers,
            body,
            trailers,
        })
    }

    fn fields(&mut self) -> io::Result<Headers> {
        let mut headers = Headers::default();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(headers);
            }
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) = line.split_at(colon.ok_or(ErrorKind::InvalidData)?);
            let value = value[1..].trim_ascii();
            headers.0.push((name.to_vec(), value.to_vec()));
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.ahead[..end].to_vec();
                self.ahead.drain(..end + 2);
                return Ok(line);
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < count {
            self.more()?;
        }
        Ok(self.ahead.drain(..count).collect())
    }

    fn more(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.ahead.extend(&chunk[..count]);
                Ok(())
            }
        }
    }
}

fn is_bodiless(status_line: &[u8]) -> bool {
    matches!(status_line.get(9..12), Some(b"204" | b"304"))
}

/// A client on one connection.
pub struct Http1 {
    wire: Wire<TcpStream>,
    patience: Duration,
}

impl Http1 {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gate listens");
        Self::on(stream, PATIENCE)
    }

    /// A client that waits so long for an answer.
    pub fn on(stream: TcpStream, patience: Duration) -> Self {
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.set_write_timeout(Some(patience)).unwrap();
        stream.set_nodelay(true).unwrap();
        let wire = Wire::new(stream);
        Self { wire, patience }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes.as_ref()).expect("the gate reads");
    }

    /// The same where the gate may have ended the connection.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.wire.send(bytes.as_ref())
    }

    /// The next answer; an error when the gate ended the connection instead.
    pub fn try_read(&mut self) -> io::Result<Response> {
        self.response(Unsized::UntilClose)
    }

    /// The answer to a HEAD request.
    pub fn try_read_head(&mut self) -> io::Result<Response> {
        self.response(Unsized::Never)
    }

    fn response(&mut self, length: Unsized) -> io::Result<Response> {
        let message = self.wire.read(length)?;
        let status = String::from_utf8_lossy(message.start.get(9..12).unwrap_or_default());
        Ok(Response {
            status: status.parse().map_err(Error::other)?,
            headers: message.headers,
            body: message.body,
        })
    }

    pub fn read(&mut self) -> Response {
        self.try_read().expect("an answer")
    }

    /// True when nothing has been answered after this long.
    pub fn is_silent(&mut self, wait: Duration) -> bool {
        let stream = &self.wire.stream;
        stream.set_read_timeout(Some(wait)).unwrap();
        let silent = match stream.peek(&mut [0]) {
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Ok(_) => false,
        };
        stream.set_read_timeout(Some(self.patience)).unwrap();
        silent && self.wire.ahead.is_empty()
    }

    /// Ends this side of the connection without reading what is still to come.
    pub fn leave(self) {
        drop(self);
    }
}
