//! What an installation may decide, read once at the start: `config/default.toml`, then a file, then `KWASTAGE_*`.
//!
//! The default file is the list of keys: what is not in it does not exist. Every mistake is found before the first is
//! told, each with its key and what to do. Secrets are [`SecretString`]s and are never part of a mistake's text.

mod api;
mod loans;
mod payouts;
mod production;
mod reading;
mod twilio;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};
use reqwest::Url;
use secrecy::{SecretBox, SecretString};

use crate::primitives::{Carrier, Money, Msisdn};
pub use api::Api;
pub use loans::Loans;
use loans::loans;
pub use payouts::Payouts;
use payouts::payouts;
use reading::Reader;
use twilio::twilio;

/// The keys, their defaults and what they mean.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// A checked configuration. Holding one is proof that it may be run with.
#[derive(Debug)]
pub struct Config {
    pub environment: Environment,
    pub http: Http,
    pub api: Api,
    pub database: Database,
    pub redis: Redis,
    pub ussd: Ussd,
    pub sms: Sms,
    pub broadcasts: Broadcasts,
    pub africastalking: AfricasTalking,
    pub twilio: Twilio,
    pub mpesa: Mpesa,
    pub keys: Keys,
    pub fees: Fees,
    pub wallet: Wallet,
    pub payouts: Payouts,
    pub loans: Loans,
    pub emergencies: Emergencies,
    pub log: Log,
    pub menus: Documents,
    pub messages: Documents,
    pub insurance: Documents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

#[derive(Debug)]
pub struct Http {
    pub bind: SocketAddr,
    /// At least one. The first is written into callback addresses, all are accepted.
    pub webhook_keys: Vec<SecretString>,
    /// Proxies of ours in front of the gateway; see [`crate::http::peer`].
    pub trusted_proxies: usize,
}

#[derive(Debug)]
pub struct Database {
    pub url: SecretString,
    pub max_connections: u32,
}

#[derive(Debug)]
pub struct Redis {
    pub url: SecretString,
    pub prefix: String,
    pub cluster: bool,
}

#[derive(Debug)]
pub struct Ussd {
    /// What a rider dials, such as `*384*123#`.
    pub code: String,
    /// GSM-7 septets one screen may have, `CON ` included.
    pub screen_septets: usize,
    pub hop_budget: Duration,
    pub session_ttl: Duration,
    /// Zero: a dropped call is never offered again.
    pub resume_window: Duration,
    pub pin_workers: usize,
}

#[derive(Debug)]
pub struct Sms {
    pub short_code: String,
    /// Times of the day in Nairobi between which nothing is said that can wait.
    pub quiet_from: NaiveTime,
    pub quiet_until: NaiveTime,
    /// What one segment costs us, for the previews of broadcasts.
    pub segment_price: Money,
    /// How long an alert waits for its delivery report before the next provider says it as well.
    pub report_within: Duration,
    /// Where the provider `file` writes.
    pub file: PathBuf,
    pub routes: SmsRoutes,
}

/// Who carries the messages of each lane, the first choice first. None is empty, none names a provider twice.
#[derive(Clone, Debug)]
pub struct SmsRoutes {
    pub emergency: Vec<Carrier>,
    pub money: Vec<Carrier>,
    pub service: Vec<Carrier>,
    pub promotion: Vec<Carrier>,
}

impl SmsRoutes {
    /// True when some lane goes through it.
    pub fn include(&self, carrier: Carrier) -> bool {
        let lanes = [&self.emergency, &self.money, &self.service, &self.promotion];
        lanes.iter().any(|route| route.contains(&carrier))
    }
}

/// What officials may send, and members post, to many at once.
#[derive(Debug)]
pub struct Broadcasts {
    /// Broadcasts of one official within a day.
    pub per_day: u32,
    /// Posts of one member within a day.
    pub posts_per_day: u32,
}

#[derive(Debug)]
pub struct AfricasTalking {
    pub base_url: Url,
    pub username: String,
    pub api_key: SecretString,
    /// None: everything is sent from the short code.
    pub sender: Option<String>,
    /// The voice host.
    pub voice_url: Url,
    /// Our number that calls people and that people may ring, `+254...`.
    pub voice_number: String,
    pub segments_per_second: u32,
}

#[derive(Debug)]
pub struct Twilio {
    pub base_url: Url,
    pub account_sid: String,
    /// At least one. The first is sent with, all are believed.
    pub auth_tokens: Vec<SecretString>,
    pub sender: String,
    /// Scheme and host under which Twilio reaches us.
    pub callback_base: Url,
    pub segments_per_second: u32,
}

#[derive(Debug)]
pub struct Mpesa {
    pub base_url: Url,
    pub consumer_key: SecretString,
    pub consumer_secret: SecretString,
    pub shortcode: String,
    pub passkey: SecretString,
    pub callback_base: Url,
    pub source_addresses: Vec<IpAddr>,
    pub trust_any_source: bool,
    /// The shortcode, operator and encrypted password that pay out (B2C).
    pub payout_shortcode: String,
    pub initiator: String,
    pub security_credential: SecretString,
}

/// A key of 32 bytes that prints nothing and is wiped when dropped.
pub type Key = SecretBox<[u8; 32]>;

#[derive(Debug)]
pub struct Keys {
    pub pin: Key,
    /// Seals national ids and makes their blind index.
    pub identity: Key,
    pub receipt: Key,
}

#[derive(Debug)]
pub struct Wallet {
    /// The most that may leave one wallet in one go, within a Nairobi day and within a month.
    pub once: Money,
    pub a_day: Money,
    pub a_month: Money,
}

#[derive(Debug)]
pub struct Fees {
    pub registration: Money,
}

#[derive(Debug)]
pub struct Emergencies {
    /// Alerted when nobody is on duty where it happened. At least one.
    pub duty_phones: Vec<Msisdn>,
    /// Alerted when the duty desk does not answer either.
    pub admin_phones: Vec<Msisdn>,
    pub wider_after: TimeDelta,
    pub calls_after: TimeDelta,
    pub desk_after: TimeDelta,
    pub again_every: TimeDelta,
    pub call_again_after: TimeDelta,
    pub rounds_max: i32,
    pub waves_max: i32,
    pub late_after: TimeDelta,
    /// None: the chain is not tried at night.
    pub drill_phone: Option<Msisdn>,
    /// In Nairobi.
    pub drill_hour: u32,
    /// What each link of a drill may take.
    pub drill_link: TimeDelta,
    pub drill_answers: bool,
    /// Where a gateway keeps what Postgres cannot take.
    pub spool: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Log {
    /// A filter in the manner of `tracing_subscriber::EnvFilter`.
    pub level: String,
    /// None: standard output.
    pub folder: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Documents {
    pub dir: PathBuf,
}

/// One wrong key: which, where it was written, what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub key: String,
    /// The file or the environment variable that holds it.
    pub place: String,
    /// What is wrong and what to write instead. Never holds a secret's value.
    pub advice: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl Config {
    /// Reads the defaults, then `file`, then the process's `KWASTAGE_*` variables.
    pub fn load(file: Option<&Path>) -> Result<Config, Mistakes> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            // A value that is not UTF-8 is a mistake of its key, not a reason to ignore it.
            Some((name, value.to_string_lossy().into_owned()))
        });
        let Some(path) = file else {
            return Config::read(None, environment);
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Config::read(Some((&path.display().to_string(), &text)), environment),
            Err(error) => Err(Mistakes(vec![Mistake {
                key: "KWASTAGE_CONFIG".into(),
                place: path.display().to_string(),
                advice: format!(
                    "the file cannot be read ({error}); name another with --config, or none"
                ),
            }])),
        }
    }

    /// Reads the defaults, then a file given as name and text, then these variables. Touches nothing outside.
    pub fn read(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, Mistakes> {
        let mut reader = Reader::over_defaults();
        if let Some((name, text)) = file {
            reader.overlay_file(name, text);
        }
        reader.overlay_variables(variables);
        let config = whole(&mut reader);
        if let Some(config) = &config
            && config.environment == Environment::Production
        {
            production::refuse_unsafe(config, &mut reader);
        }
        match config {
            Some(config) if reader.mistakes.is_empty() => Ok(config),
            _ => Err(Mistakes(reader.mistakes)),
        }
    }
}

// Each section asks for all of its keys before it looks at any answer, so that one mistake does not hide the next.

fn whole(read: &mut Reader) -> Option<Config> {
    let environment = read.one_of(
        "environment",
        &[
            ("development", Environment::Development),
            ("production", Environment::Production),
        ],
    );
    let (http, database, redis, ussd) = (http(read), database(read), redis(read), ussd(read));
    let api = api::api(read);
    let (sms, africastalking, twilio) = (sms(read), africastalking(read), twilio(read));
    let mpesa = mpesa(read);
    let broadcasts = broadcasts(read);
    let (keys, fees, emergencies, log) = (keys(read), fees(read), emergencies(read), log(read));
    let wallet = wallet(read);
    let payouts = payouts(read);
    let loans = loans(read);
    let (menus, messages, insurance) = (
        documents(read, "menus.dir"),
        documents(read, "messages.dir"),
        documents(read, "insurance.dir"),
    );
    Some(Config {
        environment: environment?,
        http: http?,
        api: api?,
        database: database?,
        redis: redis?,
        ussd: ussd?,
        sms: sms?,
        broadcasts: broadcasts?,
        africastalking: africastalking?,
        twilio: twilio?,
        mpesa: mpesa?,
        keys: keys?,
        fees: fees?,
        wallet: wallet?,
        payouts: payouts?,
        loans: loans?,
        emergencies: emergencies?,
        log: log?,
        menus: menus?,
        messages: messages?,
        insurance: insurance?,
    })
}

fn http(read: &mut Reader) -> Option<Http> {
    let bind = read.parsed("http.bind", "write address:port, such as 127.0.0.1:8080");
    let webhook_keys = read.secrets("http.webhook_keys");
    let trusted_proxies = read.number("http.trusted_proxies", 0..=8);
    Some(Http {
        bind: bind?,
        webhook_keys: webhook_keys?,
        trusted_proxies: trusted_proxies? as usize,
    })
}

fn database(read: &mut Reader) -> Option<Database> {
    let url = read.secret_url("database.url", &["postgres", "postgresql"]);
    let max_connections = read.number("database.max_connections", 2..=1000);
    Some(Database {
        url: url?,
        max_connections: max_connections?,
    })
}

fn redis(read: &mut Reader) -> Option<Redis> {
    let url = read.secret_url("redis.url", &["redis", "rediss", "redis+unix", "unix"]);
    let prefix = read.matching(
        "redis.prefix",
        "1 to 32 letters, digits, - or _",
        |prefix| {
            (1..=32).contains(&prefix.len())
                && prefix
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        },
    );
    let cluster = read.yes_or_no("redis.cluster");
    Some(Redis {
        url: url?,
        prefix: prefix?,
        cluster: cluster?,
    })
}

fn ussd(read: &mut Reader) -> Option<Ussd> {
    let code = read.matching(
        "ussd.code",
        "write it as it is dialled, such as *384*123#",
        |code| {
            let digits_and_stars = code
                .strip_prefix('*')
                .and_then(|rest| rest.strip_suffix('#'));
            digits_and_stars.is_some_and(|inner| {
                inner
                    .split('*')
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            })
        },
    );
    let screen_septets = read.number("ussd.screen_septets", 100..=182);
    let hop_budget_ms = read.number("ussd.hop_budget_ms", 200..=8000);
    let session_ttl_s = read.number("ussd.session_ttl_s", 60..=1800);
    let resume_window_s = read.number("ussd.resume_window_s", 0..=3600);
    let pin_workers = read.number("ussd.pin_workers", 1..=64);
    Some(Ussd {
        code: code?,
        screen_septets: screen_septets? as usize,
        hop_budget: Duration::from_millis(u64::from(hop_budget_ms?)),
        session_ttl: Duration::from_secs(u64::from(session_ttl_s?)),
        resume_window: Duration::from_secs(u64::from(resume_window_s?)),
        pin_workers: pin_workers? as usize,
    })
}

fn sms(read: &mut Reader) -> Option<Sms> {
    let short_code = read.matching(
        "sms.short_code",
        "write 3 to 8 digits, such as 22384",
        |code| (3..=8).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()),
    );
    let time = "write a time of the day in Nairobi, such as 21:00";
    let quiet_from = read.parsed("sms.quiet_from", time);
    let quiet_until = read.parsed("sms.quiet_until", time);
    let segment_price = read.money("sms.segment_price");
    let report_within_s = read.number("sms.report_within_s", 10..=600);
    let file = read.matching("sms.file", "write the file's path", |file| !file.is_empty());
    let (emergency, money, service, promotion) = (
        read.carriers("sms.routes.emergency"),
        read.carriers("sms.routes.money"),
        read.carriers("sms.routes.service"),
        read.carriers("sms.routes.promotion"),
    );
    Some(Sms {
        short_code: short_code?,
        quiet_from: quiet_from?,
        quiet_until: quiet_until?,
        segment_price: segment_price?,
        report_within: Duration::from_secs(u64::from(report_within_s?)),
        file: PathBuf::from(file?),
        routes: SmsRoutes {
            emergency: emergency?,
            money: money?,
            service: service?,
            promotion: promotion?,
        },
    })
}

fn broadcasts(read: &mut Reader) -> Option<Broadcasts> {
    let per_day = read.number("broadcasts.per_day", 0..=100);
    let posts_per_day = read.number("broadcasts.posts_per_day", 0..=100);
    Some(Broadcasts {
        per_day: per_day?,
        posts_per_day: posts_per_day?,
    })
}

fn africastalking(read: &mut Reader) -> Option<AfricasTalking> {
    let base_url = read.http_url("africastalking.base_url");
    let username = read.matching(
        "africastalking.username",
        "write the application's name",
        |name| !name.is_empty(),
    );
    let api_key = read.secret("africastalking.api_key");
    let sender = read.matching(
        "africastalking.sender",
        "write up to 11 letters and digits, or nothing",
        |sender| sender.len() <= 11 && sender.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    );
    let voice_url = read.http_url("africastalking.voice_url");
    let voice_number = read.matching(
        "africastalking.voice_number",
        "write it with + and country code, such as +254711082000",
        |number| {
            number.strip_prefix('+').is_some_and(|digits| {
                (9..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
            })
        },
    );
    let segments_per_second = read.number("africastalking.segments_per_second", 1..=10_000);
    Some(AfricasTalking {
        base_url: base_url?,
        username: username?,
        api_key: api_key?,
        sender: Some(sender?).filter(|sender| !sender.is_empty()),
        voice_url: voice_url?,
        voice_number: voice_number?,
        segments_per_second: segments_per_second?,
    })
}

fn mpesa(read: &mut Reader) -> Option<Mpesa> {
    let base_url = read.http_url("mpesa.base_url");
    let consumer_key = read.secret("mpesa.consumer_key");
    let consumer_secret = read.secret("mpesa.consumer_secret");
    let shortcode = read.matching(
        "mpesa.shortcode",
        "write the paybill's 5 to 7 digits",
        |shortcode| {
            (5..=7).contains(&shortcode.len())
                && shortcode.bytes().all(|byte| byte.is_ascii_digit())
        },
    );
    let passkey = read.secret("mpesa.passkey");
    let callback_base = read.http_url("mpesa.callback_base");
    let source_addresses = read.addresses("mpesa.source_addresses");
    let trust_any_source = read.yes_or_no("mpesa.trust_any_source");
    let payout_shortcode = read.matching(
        "mpesa.payout_shortcode",
        "write the 5 to 7 digits of the shortcode that pays out",
        |shortcode| {
            (5..=7).contains(&shortcode.len())
                && shortcode.bytes().all(|byte| byte.is_ascii_digit())
        },
    );
    let initiator = read.matching(
        "mpesa.initiator",
        "write the user name of the API operator in M-PESA's portal",
        |name| (2..=60).contains(&name.len()),
    );
    let security_credential = read.secret("mpesa.security_credential");
    Some(Mpesa {
        base_url: base_url?,
        consumer_key: consumer_key?,
        consumer_secret: consumer_secret?,
        shortcode: shortcode?,
        passkey: passkey?,
        callback_base: callback_base?,
        source_addresses: source_addresses?,
        trust_any_source: trust_any_source?,
        payout_shortcode: payout_shortcode?,
        initiator: initiator?,
        security_credential: security_credential?,
    })
}

fn keys(read: &mut Reader) -> Option<Keys> {
    let (pin, identity, receipt) = (
        read.key("keys.pin"),
        read.key("keys.identity"),
        read.key("keys.receipt"),
    );
    Some(Keys {
        pin: pin?,
        identity: identity?,
        receipt: receipt?,
    })
}

fn fees(read: &mut Reader) -> Option<Fees> {
    let registration = read.money("fees.registration");
    Some(Fees {
        registration: registration?,
    })
}

fn wallet(read: &mut Reader) -> Option<Wallet> {
    let once = read.money("wallet.once");
    let a_day = read.money("wallet.a_day");
    let a_month = read.money("wallet.a_month");
    Some(Wallet {
        once: once?,
        a_day: a_day?,
        a_month: a_month?,
    })
}

fn emergencies(read: &mut Reader) -> Option<Emergencies> {
    let duty_phones = read.phones("emergencies.duty_phones");
    let admin_phones = read.phones_or_none("emergencies.admin_phones");
    let wider_after = seconds(read, "emergencies.wider_after_s", 10..=3600);
    let calls_after = seconds(read, "emergencies.calls_after_s", 10..=7200);
    let desk_after = seconds(read, "emergencies.desk_after_s", 10..=14_400);
    let again_every = seconds(read, "emergencies.again_every_s", 10..=3600);
    let call_again_after = seconds(read, "emergencies.call_again_after_s", 10..=3600);
    let rounds_max = read.number("emergencies.rounds_max", 3..=500);
    let waves_max = read.number("emergencies.waves_max", 0..=100);
    let late_after = seconds(read, "emergencies.late_after_s", 10..=7200);
    let drill_phone = read.matching(
        "emergencies.drill_phone",
        "write a phone number, such as 254711000099, or nothing",
        |phone| phone.is_empty() || Msisdn::parse(phone).is_ok(),
    );
    let drill_hour = read.number("emergencies.drill_hour", 0..=23);
    let drill_link = seconds(read, "emergencies.drill_link_s", 5..=600);
    let drill_answers = read.yes_or_no("emergencies.drill_answers");
    let spool = read.matching("emergencies.spool", "write the folder's path", |folder| {
        !folder.is_empty()
    });
    Some(Emergencies {
        duty_phones: duty_phones?,
        admin_phones: admin_phones?,
        wider_after: wider_after?,
        calls_after: calls_after?,
        desk_after: desk_after?,
        again_every: again_every?,
        call_again_after: call_again_after?,
        rounds_max: rounds_max?.cast_signed(),
        waves_max: waves_max?.cast_signed(),
        late_after: late_after?,
        drill_phone: Msisdn::parse(&drill_phone?).ok(),
        drill_hour: drill_hour?,
        drill_link: drill_link?,
        drill_answers: drill_answers?,
        spool: PathBuf::from(spool?),
    })
}

fn seconds(read: &mut Reader, key: &'static str, range: RangeInclusive<u32>) -> Option<TimeDelta> {
    let seconds = read.number(key, range)?;
    Some(TimeDelta::seconds(seconds.into()))
}

fn log(read: &mut Reader) -> Option<Log> {
    let level = read.matching(
        "log.level",
        "write error, warn, info, debug or trace, or a list per room",
        |level| !level.is_empty() && level.parse::<tracing_subscriber::EnvFilter>().is_ok(),
    );
    let folder = read.text("log.folder");
    Some(Log {
        level: level?,
        folder: Some(folder?)
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from),
    })
}

fn documents(read: &mut Reader, key: &'static str) -> Option<Documents> {
    let dir = read.matching(key, "write the folder's path", |dir| !dir.is_empty());
    Some(Documents {
        dir: PathBuf::from(dir?),
    })
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.place, self.advice)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "one thing is wrong in the configuration:")?,
            several => writeln!(f, "{several} things are wrong in the configuration:")?,
        }
        self.0
            .iter()
            .try_for_each(|mistake| writeln!(f, "  {mistake}"))
    }
}

#[cfg(test)]
mod tests;
