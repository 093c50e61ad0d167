use std::collections::BTreeSet;

use super::reading::Reader;
use super::*;

fn read(file: &str, variables: &[(&str, &str)]) -> Result<Config, Mistakes> {
    let variables = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Config::read(Some(("test.toml", file)), variables)
}

fn mistakes(file: &str, variables: &[(&str, &str)]) -> Vec<Mistake> {
    read(file, variables)
        .map(|_| Vec::new())
        .unwrap_or_else(|mistakes| mistakes.0)
}

fn keys(mistakes: &[Mistake]) -> Vec<&str> {
    mistakes
        .iter()
        .map(|mistake| mistake.key.as_str())
        .collect()
}

/// A production configuration with nothing to object to.
const SAFE: &str = r#"
environment = "production"
[http]
webhook_keys = ["9f2c41d07be84a3d8c55e0a1b6f7d203"]
[africastalking]
base_url = "https://api.africastalking.com"
voice_url = "https://voice.africastalking.com"
api_key = "atsk_0c1d"
[twilio]
base_url = "https://api.twilio.com"
account_sid = "AC0123456789abcdef0123456789abcdef"
auth_tokens = ["5e9c"]
callback_base = "https://gateway.kwastage.example"
[mpesa]
base_url = "https://api.safaricom.co.ke"
consumer_key = "a"
consumer_secret = "b"
passkey = "c"
security_credential = "c29tZXRoaW5nIGVsc2U="
callback_base = "https://gateway.kwastage.example"
trust_any_source = false
[emergencies]
spool = "/var/lib/kwastage/spool"
[keys]
pin = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef0"
identity = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef1"
receipt = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef2"
"#;

#[test]
fn the_defaults_are_a_configuration_and_no_key_in_them_is_dead() {
    let mut reader = Reader::over_defaults();
    let config = whole(&mut reader).unwrap();
    assert_eq!(reader.mistakes, []);
    assert_eq!(
        reader.read,
        reader.known().map(str::to_owned).collect::<BTreeSet<_>>()
    );
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.http.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(config.fees.registration, Money::from_shillings(200));
    assert_eq!(config.africastalking.sender, None);
    assert_eq!(config.log.folder, None);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file =
        "[ussd]\nscreen_septets = 150\nhop_budget_ms = 900\n[http]\nwebhook_keys = [\"one\"]";
    let variables = [
        ("KWASTAGE_USSD__SCREEN_SEPTETS", "182"),
        ("KWASTAGE_HTTP__WEBHOOK_KEYS", "two, three"),
        ("HOME", "/"),
    ];
    let config = read(file, &variables).unwrap();
    assert_eq!(config.ussd.screen_septets, 182);
    assert_eq!(config.ussd.hop_budget, Duration::from_millis(900));
    assert_eq!(config.http.webhook_keys.len(), 2);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place_and_what_to_do() {
    let file = "
        [http]
        bind = \"8080\"
        [ussd]
        code = \"384\"
        screen_septets = 500
        pin_workers = \"two\"
        [fees]
        registration = \"free\"
        [log]
        level = \"loud=very=much\"
        [databse]
        url = \"postgres://x/y\"
        [mpesa]
        source_addresses = [\"here\", \"196.201.214.200\"]
        trust_any_source = \"yes\"
    ";
    let found = mistakes(
        file,
        &[
            ("KWASTAGE_REDIS__URI", "redis://h"),
            ("KWASTAGE_USSD__SESSION_TTL_S", "soon"),
        ],
    );
    let expected = [
        "databse.url",
        "redis.uri",
        "http.bind",
        "ussd.code",
        "ussd.screen_septets",
        "ussd.session_ttl_s",
        "ussd.pin_workers",
        "mpesa.source_addresses",
        "mpesa.trust_any_source",
        "fees.registration",
        "log.level",
    ];
    assert_eq!(keys(&found), expected);
    assert!(found.iter().all(|mistake| !mistake.advice.is_empty()));
    let told = Mistakes(found).to_string();
    for part in [
        "11 things are wrong",
        "databse.url (test.toml): there is no such key; did you mean database.url?",
        "redis.uri (KWASTAGE_REDIS__URI): there is no such key; did you mean redis.url?",
        "http.bind (test.toml): \"8080\" will not do: write address:port, such as 127.0.0.1:8080",
        "ussd.screen_septets (test.toml): 500 will not do: write a whole number from 100 to 182",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[test]
fn a_word_like_no_key_gets_no_wild_guess() {
    let found = mistakes("zebra_crossing = 1", &[]);
    assert!(found[0].advice.contains("config/default.toml"), "{found:?}");
}

#[test]
fn a_file_that_is_not_toml_is_one_mistake_with_its_line_and_without_the_text() {
    let found = mistakes("[keys]\npin = canary7391", &[]);
    assert_eq!(keys(&found), ["file"]);
    assert!(found[0].advice.starts_with("line 2"), "{found:?}");
    assert!(!found[0].advice.contains("canary7391"), "{found:?}");
}

#[test]
fn a_secret_is_in_no_mistake_and_in_no_debug_print() {
    let canary = "canary-7391-secret";
    let mut text = String::new();
    for key in [
        "KWASTAGE_KEYS__PIN",
        "KWASTAGE_DATABASE__URL",
        "KWASTAGE_REDIS__URL",
    ] {
        text += &format!("{:?}", mistakes("", &[(key, canary)]));
    }
    text += &format!(
        "{:?}",
        mistakes(
            "",
            &[("KWASTAGE_HTTP__WEBHOOK_KEYS", "canary-7391-secret/../x")]
        )
    );
    let config = read(
        "",
        &[
            ("KWASTAGE_MPESA__PASSKEY", canary),
            ("KWASTAGE_AFRICASTALKING__API_KEY", canary),
            ("KWASTAGE_HTTP__WEBHOOK_KEYS", canary),
            (
                "KWASTAGE_DATABASE__URL",
                "postgres://kwa:canary-7391-secret@h/d",
            ),
        ],
    );
    text += &format!("{:?}", config.unwrap());
    assert!(text.contains("REDACTED"));
    assert!(!text.contains("7391"), "{text}");
    assert!(
        !text.contains(&"1".repeat(20)),
        "the PIN key is printed: {text}"
    );
}

#[test]
fn a_safe_production_configuration_is_accepted() {
    assert_eq!(mistakes(SAFE, &[]), []);
}

#[test]
fn production_refuses_each_unsafe_key() {
    let zeros = "0".repeat(32);
    let default_pin = "1".repeat(64);
    let same = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef0";
    let refused = [
        (
            "HTTP__WEBHOOK_KEYS",
            "demo",
            "http.webhook_keys",
            "32 lower-case hex",
        ),
        (
            "HTTP__WEBHOOK_KEYS",
            "9f2c41d07be84a3d8c55e0a1b6f7d20",
            "http.webhook_keys",
            "32 lower-case hex",
        ),
        (
            "HTTP__WEBHOOK_KEYS",
            "9F2C41D07BE84A3D8C55E0A1B6F7D203",
            "http.webhook_keys",
            "32 lower-case hex",
        ),
        (
            "HTTP__WEBHOOK_KEYS",
            &zeros,
            "http.webhook_keys",
            "32 lower-case hex",
        ),
        (
            "HTTP__WEBHOOK_KEYS",
            "9f2c41d07be84a3d8c55e0a1b6f7d203,demo",
            "http.webhook_keys",
            "32 lower-case hex",
        ),
        ("KEYS__PIN", &default_pin, "keys.pin", "default"),
        ("KEYS__RECEIPT", &default_pin, "keys.receipt", "default"),
        ("KEYS__RECEIPT", same, "keys", "the same"),
        (
            "AFRICASTALKING__API_KEY",
            "demo",
            "africastalking.api_key",
            "default",
        ),
        ("MPESA__PASSKEY", "demo", "mpesa.passkey", "default"),
        (
            "SMS__ROUTES__SERVICE",
            "africastalking,file",
            "sms.routes.service",
            "nobody's phone",
        ),
        (
            "TWILIO__AUTH_TOKENS",
            "demo",
            "twilio.auth_tokens",
            "default",
        ),
        (
            "TWILIO__ACCOUNT_SID",
            "AC00000000000000000000000000000001",
            "twilio.account_sid",
            "default",
        ),
        (
            "TWILIO__BASE_URL",
            "http://api.twilio.com",
            "twilio.base_url",
            "https",
        ),
        (
            "TWILIO__CALLBACK_BASE",
            "http://gateway.kwastage.example",
            "twilio.callback_base",
            "https",
        ),
        (
            "AFRICASTALKING__BASE_URL",
            "http://api.africastalking.com",
            "africastalking.base_url",
            "https",
        ),
        (
            "MPESA__BASE_URL",
            "http://api.safaricom.co.ke",
            "mpesa.base_url",
            "https",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "http://gateway.kwastage.example",
            "mpesa.callback_base",
            "https",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://41.90.1.1",
            "mpesa.callback_base",
            "domain name",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://gateway.kwastage.example:8443",
            "mpesa.callback_base",
            "port 443",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://gateway.kwastage.example/Pay",
            "mpesa.callback_base",
            "lower case",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://mpesa.kwastage.example",
            "mpesa.callback_base",
            "\"mpesa\"",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://m-pesa.kwastage.example",
            "mpesa.callback_base",
            "\"m-pesa\"",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://safaricom.kwastage.example",
            "mpesa.callback_base",
            "\"safaricom\"",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://kwastage.example/executive",
            "mpesa.callback_base",
            "\"exe\"",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://kwastage.example/cmd",
            "mpesa.callback_base",
            "\"cmd\"",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://mysql.example",
            "mpesa.callback_base",
            "\"sql\"",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://kwastage.example/status-query",
            "mpesa.callback_base",
            "\"query\"",
        ),
        (
            "MPESA__CALLBACK_BASE",
            "https://kwa.ngrok.app",
            "mpesa.callback_base",
            "\"ngrok\"",
        ),
        (
            "MPESA__TRUST_ANY_SOURCE",
            "true",
            "mpesa.trust_any_source",
            "false",
        ),
        (
            "MPESA__SOURCE_ADDRESSES",
            "",
            "mpesa.source_addresses",
            "empty",
        ),
    ];
    for (name, value, key, advice) in refused {
        let found = mistakes(SAFE, &[(&format!("KWASTAGE_{name}"), value)]);
        assert_eq!(keys(&found), [key], "{name}={value}: {found:?}");
        assert!(
            found[0].advice.contains(advice),
            "{name}={value}: {found:?}"
        );
    }
}

#[test]
fn a_route_names_providers_that_exist_each_once_and_at_least_one() {
    let file = "[sms.routes]
        emergency = []
        money = [\"twilo\"]
        service = [\"twilio\", \"twilio\"]
        promotion = \"twilio\"";
    let found = mistakes(file, &[]);
    let lanes = ["emergency", "money", "service", "promotion"];
    assert_eq!(keys(&found), lanes.map(|lane| format!("sms.routes.{lane}")));
    let second_first = read(
        "",
        &[("KWASTAGE_SMS__ROUTES__MONEY", "twilio, africastalking")],
    );
    assert_eq!(
        second_first.unwrap().sms.routes.money,
        [Carrier::Twilio, Carrier::AfricasTalking]
    );
}

#[test]
fn production_without_twilio_in_any_route_need_not_set_it_up() {
    let unset = SAFE
        .lines()
        .filter(|line| !line.contains("https://api.twilio.com") && !line.contains("5e9c"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(
        keys(&mistakes(&unset, &[])),
        ["twilio.auth_tokens", "twilio.base_url"]
    );
    let lanes = ["EMERGENCY", "MONEY", "SERVICE", "PROMOTION"];
    let routes = lanes.map(|lane| (format!("KWASTAGE_SMS__ROUTES__{lane}"), "africastalking"));
    let routes = routes.each_ref().map(|(key, route)| (key.as_str(), *route));
    assert_eq!(mistakes(&unset, &routes), []);
}

#[test]
fn production_on_the_bare_defaults_names_everything_at_once() {
    let found = mistakes("environment = \"production\"", &[]);
    let expected = [
        "http.webhook_keys",
        "africastalking.api_key",
        "mpesa.consumer_key",
        "mpesa.consumer_secret",
        "mpesa.passkey",
        "mpesa.security_credential",
        "keys.pin",
        "keys.identity",
        "keys.receipt",
        "africastalking.base_url",
        "africastalking.voice_url",
        "mpesa.base_url",
        "twilio.account_sid",
        "twilio.auth_tokens",
        "twilio.base_url",
        "twilio.callback_base",
        "emergencies.spool",
        "mpesa.callback_base",
        "mpesa.callback_base",
        "mpesa.trust_any_source",
    ];
    assert_eq!(keys(&found), expected);
}
