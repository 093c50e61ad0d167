//! A rider's side of HTTP/1.1, as lean as it can be: the load must not cost more than what it measures.

use std::fmt::Write;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept-open connection to a gateway.
pub struct Connection {
    stream: TcpStream,
    address: String,
    path: &'static str,
    head: String,
    request: String,
    answer: Vec<u8>,
    /// The server has said that it closes this connection.
    is_last: bool,
}

/// Why there is no screen to show.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nobody listens; the operator would try elsewhere.
    #[error("the connection was refused: {0}")]
    Refused(std::io::Error),
    /// The connection was closed before a byte of the answer came. Whoever keeps connections open must expect that
    /// of one that has just been idle, and ask again.
    #[error("the connection was closed without an answer")]
    Closed,
    /// An answer that is none: half of one, another status, not text.
    #[error("a broken answer: {0}")]
    Broken(String),
}

impl Connection {
    pub async fn open(address: &str, path: &'static str) -> Result<Connection, Unanswered> {
        let connected = TcpStream::connect(address).await;
        let stream = connected.map_err(Unanswered::Refused)?;
        stream.set_nodelay(true).map_err(Unanswered::Refused)?;
        Ok(Connection {
            stream,
            address: address.to_owned(),
            path,
            head: format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
            ),
            request: String::with_capacity(1024),
            answer: Vec::with_capacity(4096),
            is_last: false,
        })
    }

    /// Posts a form and gives the body of a 200 answer.
    pub async fn post(&mut self, form: &str) -> Result<&str, Unanswered> {
        if self.is_last {
            *self = Connection::open(&self.address, self.path).await?;
        }
        self.request.clear();
        let _ = write!(self.request, "{}{}\r\n\r\n{form}", self.head, form.len());
        let written = self.stream.write_all(self.request.as_bytes()).await;
        written.map_err(|_| Unanswered::Closed)?;
        self.answer.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(head) = memmem::find(&self.answer, b"\r\n\r\n") {
                break Head::read(&self.answer[..head]).ok_or_else(|| self.broken())?;
            }
        };
        self.is_last = head.is_last;
        let (body, end) = (head.length + 4, head.length + 4 + head.content_length);
        while self.answer.len() < end {
            self.read_more().await?;
        }
        if !self.answer.starts_with(b"HTTP/1.1 200 ") {
            return Err(self.broken());
        }
        std::str::from_utf8(&self.answer[body..end]).map_err(|_| self.broken())
    }

    async fn read_more(&mut self) -> Result<(), Unanswered> {
        match self.stream.read_buf(&mut self.answer).await {
            Ok(1..) => Ok(()),
            _ if self.answer.is_empty() => Err(Unanswered::Closed),
            _ => Err(self.broken()),
        }
    }

    fn broken(&self) -> Unanswered {
        let start = &self.answer[..self.answer.len().min(80)];
        Unanswered::Broken(String::from_utf8_lossy(start).into_owned())
    }
}

/// What of an answer's head matters here.
struct Head {
    length: usize,
    content_length: usize,
    is_last: bool,
}

impl Head {
    fn read(head: &[u8]) -> Option<Head> {
        let text = std::str::from_utf8(head).ok()?;
        let fields = text.split("\r\n").filter_map(|line| line.split_once(": "));
        let (mut content_length, mut is_last) = (None, false);
        for (name, value) in fields {
            if name.eq_ignore_ascii_case("content-length") {
                content_length = value.trim().parse().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                is_last = value.trim().eq_ignore_ascii_case("close");
            }
        }
        Some(Head {
            length: head.len(),
            content_length: content_length?,
            is_last,
        })
    }
}
