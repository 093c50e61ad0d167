//! A rider's side of HTTP/1.1, as lean as it can be: the load must not cost more than what it measures.

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept-open connection to a gateway.
pub struct Connection {
    stream: TcpStream,
    host: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            host: address.to_owned(),
            request: Vec::new(),
            answer: Vec::with_capacity(4096),
        })
    }

    /// Posts a form and gives the body of a 200 answer.
    pub async fn post(&mut self, path: &str, form: &str) -> anyhow::Result<&str> {
        self.request.clear();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            self.host,
            form.len()
        );
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(form.as_bytes());
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let (body, length) = loop {
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the gateway closed the connection");
            if let Some(head) = memchr::memmem::find(&self.answer, b"\r\n\r\n") {
                break (head + 4, content_length(&self.answer[..head])?);
            }
        };
        while self.answer.len() < body + length {
            ensure!(
                self.stream.read_buf(&mut self.answer).await? > 0,
                "the gateway closed the connection"
            );
        }
        if !self.answer.starts_with(b"HTTP/1.1 200 ") {
            bail!("{}", String::from_utf8_lossy(&self.answer[..body.min(64)]));
        }
        Ok(std::str::from_utf8(&self.answer[body..body + length])?)
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let value = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(value
        .context("an answer without content-length")?
        .1
        .trim()
        .parse()?)
}
