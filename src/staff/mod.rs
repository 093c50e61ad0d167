//! People at the desk: their accounts, how they sign in, what they have open, and what each role may do.
//!
//! Nobody signs up: an account is made by somebody who may, and its owner comes with the word of the invitation, chooses a
//! password and sets up an authenticator. From then on signing in takes both, always. What a role may do is one table
//! ([`Permission::roles`]); officials and coordinators work for one stage and see no other ([`Officer::sees`]).
//!
//! Kept are: passwords as argon2id over a keyed hash, authenticator secrets sealed to their row, and of every token and key
//! only a digest. Nothing here knows of HTTP.

mod authenticator;
mod guard;
mod keys;
mod model;
mod passwords;
mod permission;
mod service;
mod store;
mod strength;
#[cfg(test)]
mod tests;
mod tokens;

pub use authenticator::{Authenticator, CODE_DIGITS};
pub use keys::StaffKeys;
pub use model::{
    Account, AccountId, AccountName, AccountState, ApiKey, NotAnAccountName, Officer, Session,
    SessionId, Standing,
};
pub use passwords::{Busy, PasswordDesk};
pub use permission::{Permission, Role};
pub use service::accounts::{
    Change, ChangeError, EnrolError, Enrolment, Invitation, InviteError, begin_enrolment, change,
    enrol, invite, invite_again,
};
pub use service::api_keys::{KeyError, NewKey, issue_key, revoke_key};
pub use service::passwords::{PasswordError, change_password};
pub use service::sessions::{
    Device, Ended, Factor, Refreshed, SignIn, SignedIn, Tokens, authenticate, end_all, end_session,
    refresh, show_factor, sign_in,
};
pub use store::accounts::{account, account_by_name, accounts};
pub use store::keys::keys as api_keys;
pub use store::sessions::open_sessions;
pub use strength::{PASSWORD_LENGTH_MIN, WeakPassword};
