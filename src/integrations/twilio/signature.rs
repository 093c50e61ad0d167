//! Twilio's request validation: HMAC-SHA1 under our auth token over the public address it called and every parameter.
//!
//! There is no time in it, so that a callback can be replayed: what it does must be harmless the second time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::primitives::Secret;

/// Believes what one of our tokens has signed for our public address.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// Scheme and host as Twilio calls us, without a slash at the end. Never taken from a request: whoever forges a
    /// callback chooses its `Host`.
    public_base: String,
    /// Several while the token is being changed.
    tokens: Vec<Secret>,
}

/// What a callback claims to be signed over.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// With its query string, if there was one.
    pub path: &'a str,
    /// Name and decoded value, in any order.
    pub parameters: &'a [(String, String)],
    /// The header `X-Twilio-Signature`.
    pub signature: &'a str,
}

impl Verifier {
    pub fn new(public_base: &str, tokens: Vec<Secret>) -> Verifier {
        Verifier {
            public_base: public_base.trim_end_matches('/').to_owned(),
            tokens,
        }
    }

    pub fn believes(&self, sealed: Sealed<'_>) -> bool {
        let Ok(signature) = STANDARD.decode(sealed.signature) else {
            return false;
        };
        let url = format!("{}{}", self.public_base, sealed.path);
        let message = message(&url, sealed.parameters);
        // All are tried, so that the time does not say which one fitted.
        self.tokens.iter().fold(false, |believed, token| {
            is_signed(token.expose(), &message, &signature) | believed
        })
    }
}

/// In constant time.
fn is_signed(token: &str, message: &str, signature: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else {
        return false;
    };
    mac.update(message.as_bytes());
    mac.verify_slice(signature).is_ok()
}

/// The address, then name and value of each parameter in the order of their bytes, with nothing in between.
fn message(url: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = parameters.iter().collect();
    sorted.sort();
    let mut message = url.to_owned();
    for (name, value) in sorted {
        message.push_str(name);
        message.push_str(value);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(written: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(written.as_bytes())
            .into_owned()
            .collect()
    }

    const T01: (&str, &str, &str, &str, &str) = (
        "https://mycompany.com",
        "/myapp.php?foo=1&bar=2",
        "12345",
        "To=%2B18005551212&From=%2B12349013030&Digits=1234&Caller=%2B12349013030&CallSid=CA1234567890ABCDE",
        "0/KCTR6DLpKmkAf8muzZqo1nDgQ=",
    );
    const T02: (&str, &str, &str, &str, &str) = (
        "https://hooks.kwastage.example",
        "/t/7c1f/sms-status",
        "ks_twilio_token",
        "MessageSid=SM00000000000000000000000000000002&To=%2B254712345678&MessageStatus=delivered&From=KWASTAGE&AccountSid=AC00000000000000000000000000000001",
        "k902nOViAOnf85MUVaOw7zWh7oA=",
    );

    fn believes(base: &str, path: &str, tokens: &[&str], form: &str, signature: &str) -> bool {
        let tokens = tokens.iter().map(|token| Secret::new(*token)).collect();
        Verifier::new(base, tokens).believes(Sealed {
            path,
            parameters: &parameters(form),
            signature,
        })
    }

    #[test]
    fn t01_and_t02_are_believed() {
        for (base, path, token, form, signature) in [T01, T02] {
            assert!(believes(base, path, &[token], form, signature), "{path}");
            // A slash at the end of the configured address is no part of what Twilio calls.
            assert!(believes(
                &format!("{base}/"),
                path,
                &[token],
                form,
                signature
            ));
            // While the token is being changed.
            assert!(believes(base, path, &["other", token], form, signature));
        }
    }

    #[test]
    fn nothing_else_is() {
        let (base, path, token, form, signature) = T02;
        for (what, refused) in [
            ("token", believes(base, path, &["x"], form, signature)),
            ("no token", believes(base, path, &[], form, signature)),
            (
                "host",
                believes("https://evil.example", path, &[token], form, signature),
            ),
            (
                "scheme",
                believes(
                    "http://hooks.kwastage.example",
                    path,
                    &[token],
                    form,
                    signature,
                ),
            ),
            ("path", believes(base, "/t", &[token], form, signature)),
            (
                "a value",
                believes(
                    base,
                    path,
                    &[token],
                    &form.replace("delivered", "failed"),
                    signature,
                ),
            ),
            (
                "one parameter more",
                believes(
                    base,
                    path,
                    &[token],
                    &format!("{form}&ErrorCode=1"),
                    signature,
                ),
            ),
            ("no signature", believes(base, path, &[token], form, "")),
            ("no base64", believes(base, path, &[token], form, "%%%")),
            (
                "a part of it",
                believes(base, path, &[token], form, "k902nOViAOnf85MUVaOw"),
            ),
        ] {
            assert!(!refused, "another {what}");
        }
    }
}
