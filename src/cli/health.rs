//! `kwastage health`: asks the gateway on this machine whether it turns. For a container's health check, which has no curl.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::config::Config;

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let url = format!("http://{}/health", reachable(config.http.bind));
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .no_proxy()
        .build()?;
    let answer = client
        .get(&url)
        .send()
        .await
        .with_context(|| format!("{url} does not answer"))?;
    ensure!(
        answer.status().is_success(),
        "{url} answers {}",
        answer.status()
    );
    Ok(())
}

/// Listening everywhere includes here.
fn reachable(bind: SocketAddr) -> SocketAddr {
    if bind.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), bind.port())
    } else {
        bind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_where_the_gateway_listens() {
        for (bind, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:80", "127.0.0.1:80"),
            ("10.0.0.7:8080", "10.0.0.7:8080"),
        ] {
            assert_eq!(reachable(bind.parse().unwrap()).to_string(), asked);
        }
    }
}
