//! A rider's side of HTTP/1.1, as lean as it can be: the load must not cost more than what it measures.

use std::fmt::Write;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept-open connection to a gateway.
pub struct Connection {
    stream: TcpStream,
    head: String,
    request: String,
    answer: Vec<u8>,
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
    pub async fn open(address: &str, path: &str) -> Result<Connection, Unanswered> {
        let connected = TcpStream::connect(address).await;
        let stream = connected.map_err(Unanswered::Refused)?;
        stream.set_nodelay(true).map_err(Unanswered::Refused)?;
        Ok(Connection {
            stream,
            head: format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
            ),
            request: String::with_capacity(1024),
            answer: Vec::with_capacity(4096),
        })
    }

    /// Posts a form and gives the body of a 200 answer.
    pub async fn post(&mut self, form: &str) -> Result<&str, Unanswered> {
        self.request.clear();
        let _ = write!(self.request, "{}{}\r\n\r\n{form}", self.head, form.len());
        let written = self.stream.write_all(self.request.as_bytes()).await;
        written.map_err(|_| Unanswered::Closed)?;
        self.answer.clear();
        let (body, end) = loop {
            self.read_more().await?;
            if let Some(head) = memmem::find(&self.answer, b"\r\n\r\n") {
                let length = content_length(&self.answer[..head]).ok_or_else(|| self.broken())?;
                break (head + 4, head + 4 + length);
            }
        };
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

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}
