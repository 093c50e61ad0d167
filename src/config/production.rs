//! What may not go to production: keys a stranger knows, and addresses a provider refuses or anyone can listen to.

use std::collections::BTreeSet;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::Config;
use super::reading::Reader;
use crate::primitives::Carrier;

/// Words Daraja refuses anywhere in a callback address, and the tunnels it blocks.
const REFUSED_WORDS: [&str; 10] = [
    "m-pesa",
    "mpesa",
    "safaricom",
    "exe",
    "cmd",
    "sql",
    "query",
    "ngrok",
    "mockbin",
    "requestbin",
];

/// Secrets whose default is printed in the repository.
const SECRETS: [&str; 8] = [
    "africastalking.api_key",
    "mpesa.consumer_key",
    "mpesa.consumer_secret",
    "mpesa.passkey",
    "mpesa.security_credential",
    "keys.pin",
    "keys.identity",
    "keys.receipt",
];

pub(super) fn refuse_unsafe(config: &Config, reader: &mut Reader) {
    if !config.http.webhook_keys.iter().all(is_strong) {
        reader.mistake(
            "http.webhook_keys",
            "production needs keys nobody can guess: at least 32 lower-case hex digits each (`openssl rand -hex 16`)",
        );
    }
    for key in SECRETS {
        if reader.holds_a_default_of(key, &SECRETS) {
            reader.mistake(
                key,
                "this is a default everybody knows; production needs its own",
            );
        }
    }
    let keys = [
        &config.keys.pin,
        &config.keys.identity,
        &config.keys.receipt,
    ]
    .map(|key| key.expose_secret());
    if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
        reader.mistake(
            "keys",
            "two of the three are the same; each needs its own 32 bytes",
        );
    }
    for (key, url) in [
        ("africastalking.base_url", &config.africastalking.base_url),
        ("africastalking.voice_url", &config.africastalking.voice_url),
        ("mpesa.base_url", &config.mpesa.base_url),
    ] {
        if url.scheme() != "https" {
            reader.mistake(key, "production speaks to providers over https only");
        }
    }
    refuse_unsafe_routes(config, reader);
    if !config.emergencies.spool.is_absolute() {
        reader.mistake(
            "emergencies.spool",
            "production needs a whole path, on a disk that outlives a restart and is not the database's",
        );
    }
    for advice in refusals_of_callback(&config.mpesa.callback_base) {
        reader.mistake("mpesa.callback_base", advice);
    }
    if config.mpesa.trust_any_source {
        reader.mistake(
            "mpesa.trust_any_source",
            "production believes the published addresses only; write false",
        );
    }
    if config.mpesa.source_addresses.is_empty() {
        reader.mistake(
            "mpesa.source_addresses",
            "it is empty; write the addresses Daraja calls from",
        );
    }
}

/// A file reaches nobody, and Twilio's callbacks are believed for their signature alone. Who does not route anything through
/// Twilio need not set it up.
fn refuse_unsafe_routes(config: &Config, reader: &mut Reader) {
    let routes = &config.sms.routes;
    for (key, route) in [
        ("sms.routes.emergency", &routes.emergency),
        ("sms.routes.money", &routes.money),
        ("sms.routes.service", &routes.service),
        ("sms.routes.promotion", &routes.promotion),
    ] {
        if route.contains(&Carrier::File) {
            reader.mistake(
                key,
                "file reaches nobody's phone; production needs providers that do",
            );
        }
    }
    if !routes.include(Carrier::Twilio) {
        return;
    }
    for key in ["twilio.account_sid", "twilio.auth_tokens"] {
        if reader.holds_a_default_of(key, &[key]) {
            reader.mistake(
                key,
                "this is a default everybody knows; write your own, or take twilio out of sms.routes",
            );
        }
    }
    if config.twilio.base_url.scheme() != "https" {
        reader.mistake(
            "twilio.base_url",
            "production speaks to providers over https only",
        );
    }
    let callback = &config.twilio.callback_base;
    if callback.scheme() != "https" || callback.domain().is_none() {
        reader.mistake(
            "twilio.callback_base",
            "production needs https and a domain name here: a callback in the clear can be read and replayed",
        );
    }
}

/// 128 bits at least. Hex only: the key stands in addresses that Daraja refuses for upper case and for some words.
fn is_strong(key: &SecretString) -> bool {
    let key = key.expose_secret();
    let distinct: BTreeSet<u8> = key.bytes().collect();
    key.len() >= 32
        && distinct.len() >= 6
        && key
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn refusals_of_callback(base: &Url) -> Vec<String> {
    let mut refusals = Vec::new();
    if base.scheme() != "https" {
        refusals.push(
            "production needs https here: a callback in the clear can be read and forged".into(),
        );
    }
    if base.domain().is_none() || base.port().is_some() {
        refusals
            .push("Daraja wants a domain name on port 443, not an address or another port".into());
    }
    let written = base.as_str();
    if written.bytes().any(|byte| byte.is_ascii_uppercase()) {
        refusals
            .push("Daraja refuses upper case in a callback address; write it in lower case".into());
    }
    let folded = written.to_lowercase();
    for word in REFUSED_WORDS
        .into_iter()
        .filter(|word| folded.contains(word))
    {
        refusals.push(format!(
            "Daraja refuses \"{word}\" anywhere in a callback address; use another domain or path"
        ));
    }
    refusals
}
