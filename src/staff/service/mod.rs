//! The deeds of the desk's own people.

pub mod accounts;
pub mod api_keys;
mod guarding;
pub mod passwords;
pub mod sessions;
