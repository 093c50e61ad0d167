//! How Twilio is reached.

use super::{Reader, Twilio};

pub(super) fn twilio(read: &mut Reader) -> Option<Twilio> {
    let base_url = read.http_url("twilio.base_url");
    let account_sid = read.matching(
        "twilio.account_sid",
        "write AC and 32 hex digits, as Twilio's console shows them",
        |sid| {
            sid.strip_prefix("AC").is_some_and(|hex| {
                hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        },
    );
    let auth_tokens = read.secrets("twilio.auth_tokens");
    let sender = read.matching(
        "twilio.sender",
        "write up to 11 letters, digits or spaces, or a number such as +12025550123",
        |sender| {
            let is_number = sender.strip_prefix('+').is_some_and(|digits| {
                (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
            });
            let is_name = (1..=11).contains(&sender.len())
                && sender
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
                && sender.bytes().any(|byte| byte.is_ascii_alphabetic());
            is_number || is_name
        },
    );
    let callback_base = read.http_url("twilio.callback_base");
    let segments_per_second = read.number("twilio.segments_per_second", 1..=10_000);
    Some(Twilio {
        base_url: base_url?,
        account_sid: account_sid?,
        auth_tokens: auth_tokens?,
        sender: sender?,
        callback_base: callback_base?,
        segments_per_second: segments_per_second?,
    })
}
