//! Whose request it is, behind proxies of our own.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

/// The address of the client: what the outermost of our own proxies saw.
///
/// Each proxy appends the address it was called from to `X-Forwarded-For`, so with `trusted_proxies` of ours the truth
/// stands that many places from the right; everything left of it was written by the client and may be a lie. Without
/// proxies, or when the header is shorter or broken there, the connection's own peer is the only thing known.
pub fn client_address(headers: &HeaderMap, peer: SocketAddr, trusted_proxies: usize) -> IpAddr {
    let seen = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b','))
        .collect::<Vec<_>>();
    let place = trusted_proxies
        .checked_sub(1)
        .and_then(|behind| seen.len().checked_sub(1 + behind));
    let address = place
        .and_then(|place| std::str::from_utf8(seen[place]).ok())
        .and_then(|text| read(text.trim()));
    address.unwrap_or(peer.ip()).to_canonical()
}

/// An address, with or without a port: some proxies write both.
fn read(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_from_the_right_and_never_further() {
        let cases: &[(&[&str], usize, &str)] = &[
            (&[], 0, "10.0.0.9"),
            (&["6.6.6.6"], 0, "10.0.0.9"),
            (&["6.6.6.6, 196.201.212.69"], 1, "196.201.212.69"),
            (&["6.6.6.6, 196.201.212.69, 10.0.0.1"], 2, "196.201.212.69"),
            (&["6.6.6.6", "196.201.212.69"], 1, "196.201.212.69"),
            (&["196.201.212.69:4711"], 1, "196.201.212.69"),
            (&["::ffff:196.201.212.69"], 1, "196.201.212.69"),
            (&["[2001:db8::1]:443"], 1, "2001:db8::1"),
            (&["196.201.212.69"], 2, "10.0.0.9"),
            (&["6.6.6.6, unknown"], 1, "10.0.0.9"),
            (&[""], 1, "10.0.0.9"),
        ];
        let peer = "10.0.0.9:5000".parse().unwrap();
        for (written, proxies, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in *written {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            assert_eq!(
                client_address(&headers, peer, *proxies).to_string(),
                *expected,
                "{written:?} {proxies}"
            );
        }
    }
}
