//! What must never be printed, stored or logged: PINs and the like.

use zeroize::Zeroizing;

/// A typed secret. It has no `Display` and a `Debug` that says nothing, and its memory is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(typed: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(typed.into()))
    }

    /// The bare secret, for the one place that checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
