//! The house's means, built once from the configuration: pool, clock, documents, keys, outside clients.

use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use quick_cache::sync::Cache;
use secrecy::ExposeSecret;
use sha2::Sha256;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use zeroize::Zeroizing;

use crate::broadcasts;
use crate::channels::pay::daraja::Door;
use crate::channels::sms::reports_desk::ReportsDesk;
use crate::channels::sms::twilio::report_path;
use crate::clock::Clock;
use crate::config::Config;
use crate::conversation::store::{Lifetimes, RedisStore, SessionSeal, SessionStore};
use crate::conversation::{
    Journal, MenuEditions, Record, SessionId, SessionTurns, TranscriptKey, VOCABULARY,
};
use crate::insurance::Shelf;
use crate::integrations::mpesa::{MpesaClient, MpesaSettings, PayoutSettings, TransactionType};
use crate::integrations::{SmsClient, africastalking, sms_file, twilio};
use crate::loans;
use crate::members::{Key, KeyRing, MemberKeys, PinDesk};
use crate::menu::{self, Menus};
use crate::messages::{Breakers, Globals, QuietHours, Templates};
use crate::payments;
use crate::payouts;
use crate::primitives::{Carrier, Secret};
use crate::receipts::CodeKey;
use crate::redis_connection::RedisConnection;
use crate::spool::{self, Spool};
use crate::staff::{PasswordDesk, StaffKeys};
use crate::wallet::Limits;

/// Sessions this process keeps a copy of. One takes about 2 KB.
const SESSIONS_AT_HAND: usize = 20_000;
/// The network's limit for a whole session (Africa's Talking: 180 s).
const SESSION_SECONDS: u32 = 180;
/// PIN checks that may wait; whoever comes then is asked to try again.
const PIN_QUEUE: usize = 100;
/// An SMS or a call that is not answered for by then has an unknown outcome.
const SMS_TIMEOUT: Duration = Duration::from_secs(10);

/// A handle on everything; cloning it is cheap.
#[derive(Clone)]
pub struct App(Arc<Means>);

/// What an [`App`] holds, built once from the configuration.
pub struct Means {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub pool: PgPool,
    pub redis: RedisConnection,
    pub menus: MenuEditions,
    pub templates: Arc<Templates>,
    /// What can be insured.
    pub shelf: Shelf,
    pub sessions: SessionStore,
    pub sessions_at_hand: Cache<SessionId, Arc<Record>>,
    pub session_turns: SessionTurns,
    pub journal: Journal,
    pub transcript_key: TranscriptKey,
    pub member_keys: MemberKeys,
    pub pins: PinDesk,
    pub staff_keys: StaffKeys,
    pub staff_passwords: PasswordDesk,
    pub receipt_key: CodeKey,
    pub payment_rules: payments::Rules,
    pub wallet_limits: Limits,
    pub payout_rules: payouts::Rules,
    pub mpesa: MpesaClient,
    pub africastalking: africastalking::Client,
    pub voice: africastalking::VoiceClient,
    pub twilio: twilio::Client,
    /// Tells Twilio's callbacks from forged ones.
    pub twilio_verifier: Arc<twilio::Verifier>,
    /// How the providers of text messages do, as this process has seen it.
    pub breakers: Arc<Breakers>,
    /// Where providers report what became of messages.
    pub reports: ReportsDesk,
    pub door: Arc<Door>,
    pub spool: Spool,
}

impl Deref for App {
    type Target = Means;
    fn deref(&self) -> &Means {
        &self.0
    }
}

impl App {
    /// When phones are left in peace.
    pub fn quiet_hours(&self) -> QuietHours {
        QuietHours::new(self.config.sms.quiet_from, self.config.sms.quiet_until)
    }

    /// What may be sent to many at once, and what it costs.
    pub fn broadcast_rules(&self) -> broadcasts::Rules {
        broadcasts::Rules {
            per_day: self.config.broadcasts.per_day,
            posts_per_day: self.config.broadcasts.posts_per_day,
            segment_price: self.config.sms.segment_price,
            quiet: self.quiet_hours(),
        }
    }

    /// What somebody may borrow.
    pub fn loan_rules(&self) -> loans::Rules {
        let decided = &self.config.loans;
        loans::Rules {
            limit: loans::LimitRules {
                history: decided.history,
                contributed_least: decided.contributed_least,
                first_percent: decided.first_percent,
                step_percent: decided.step_percent,
                most_percent: decided.most_percent,
            },
            guarantor_answers_within: decided.guarantor_answers_within,
        }
    }

    /// Builds everything. Connects to nothing but Postgres, and to that only when first asked.
    ///
    /// # Errors
    /// A document that does not hold up, or a URL nobody can be reached under.
    pub async fn build(config: Arc<Config>, clock: Clock) -> anyhow::Result<App> {
        let pool = pool(&config)?;
        let redis = RedisConnection::open(config.redis.url.expose_secret(), config.redis.cluster)
            .await
            .context("Redis")?;
        let seal = SessionSeal::new(&derived(&config, b"sessions"));
        let lifetimes = Lifetimes {
            session: config.ussd.session_ttl,
            resume: config.ussd.resume_window,
        };
        let sessions = SessionStore::Redis(Box::new(RedisStore::new(
            redis.clone(),
            format!("{}:", config.redis.prefix),
            seal,
            lifetimes,
        )));
        App::assemble(config, clock, pool, redis, sessions)
    }

    /// As [`App::build`], with the parts that tests choose themselves.
    pub fn assemble(
        config: Arc<Config>,
        clock: Clock,
        pool: PgPool,
        redis: RedisConnection,
        sessions: SessionStore,
    ) -> anyhow::Result<App> {
        let menus = load_menus(&config)?;
        let templates = load_templates(&config, &menus)?;
        let shelf = load_shelf(&config, &menus)?;
        let africastalking = africastalking::Client::new(africastalking::Settings {
            base_url: address(&config.africastalking.base_url),
            username: config.africastalking.username.clone(),
            api_key: Secret::new(config.africastalking.api_key.expose_secret()),
            sender: Some(
                config
                    .africastalking
                    .sender
                    .clone()
                    .unwrap_or_else(|| config.sms.short_code.clone()),
            ),
            timeout: SMS_TIMEOUT,
        })?;
        let voice = africastalking::VoiceClient::new(africastalking::VoiceSettings {
            base_url: address(&config.africastalking.voice_url),
            username: config.africastalking.username.clone(),
            api_key: Secret::new(config.africastalking.api_key.expose_secret()),
            number: config.africastalking.voice_number.clone(),
            timeout: SMS_TIMEOUT,
        })?;
        let templates = Arc::new(templates);
        let staff_keys = staff_keys(&config);
        let twilio = twilio::Client::new(twilio_settings(&config))?;
        let spool = spool(&config, &clock, &templates, &africastalking, &twilio);
        Ok(App(Arc::new(Means {
            menus: MenuEditions::new(menus),
            templates,
            shelf,
            spool,
            journal: Journal::start(pool.clone()),
            transcript_key: TranscriptKey::new(derived(&config, b"transcripts").as_slice()),
            member_keys: member_keys(&config),
            pins: pin_desk(&config),
            staff_passwords: PasswordDesk::new(&staff_keys),
            staff_keys,
            receipt_key: CodeKey::new(config.keys.receipt.expose_secret())?,
            payment_rules: payments::Rules::for_shortcode(&config.mpesa.shortcode),
            wallet_limits: Limits {
                once: config.wallet.once,
                a_day: config.wallet.a_day,
                a_month: config.wallet.a_month,
            },
            payout_rules: payouts::Rules {
                withdrawal_fee: config.payouts.withdrawal_fee,
                withdrawal_alone_up_to: config.payouts.withdrawal_alone_up_to,
                support_alone_up_to: config.payouts.support_alone_up_to,
                refund_alone_up_to: config.payouts.refund_alone_up_to,
                cooling_off: config.payouts.cooling_off,
                ..payouts::Rules::default()
            },
            mpesa: MpesaClient::new(mpesa_settings(&config), clock.clone())?,
            africastalking,
            voice,
            twilio,
            twilio_verifier: Arc::new(twilio_verifier(&config)),
            breakers: Arc::default(),
            reports: ReportsDesk::new(pool.clone(), clock.clone()),
            door: Arc::new(App::door(&config)),
            sessions_at_hand: Cache::new(SESSIONS_AT_HAND),
            session_turns: SessionTurns::default(),
            config,
            clock,
            pool,
            redis,
            sessions,
        })))
    }
}

/// The keys of members' national ids: one seals them, one derived from it finds them.
pub fn member_keys(config: &Config) -> MemberKeys {
    MemberKeys {
        sealing: KeyRing::of(Key::new(1, *config.keys.identity.expose_secret())),
        index: Key::new(1, *derived(config, b"national id index")),
    }
}

/// The keys of the desk's own people.
pub fn staff_keys(config: &Config) -> StaffKeys {
    StaffKeys::derived(&derived(config, b"staff"))
}

/// What keeps alarms while Postgres is away, and alerts the on-call phones by itself.
fn spool(
    config: &Config,
    clock: &Clock,
    templates: &Arc<Templates>,
    africastalking: &africastalking::Client,
    twilio: &twilio::Client,
) -> Spool {
    let route = config.sms.routes.emergency.iter();
    let providers = route.map(|carrier| {
        let client = match carrier {
            Carrier::AfricasTalking => SmsClient::AfricasTalking(africastalking.clone()),
            Carrier::Twilio => SmsClient::Twilio(twilio.clone()),
            Carrier::File => SmsClient::File(sms_file::Client::new(config.sms.file.clone())),
        };
        let provider: spool::Provider = Arc::new(move |to, text| {
            let client = client.clone();
            Box::pin(async move { client.send_sms(&to, &text, true).await })
        });
        provider
    });
    let providers = providers.collect();
    Spool::new(spool::Settings {
        folder: config.emergencies.spool.clone(),
        duty_phones: config.emergencies.duty_phones.clone(),
        templates: templates.clone(),
        providers,
        clock: clock.clone(),
    })
}

/// Where PINs are checked.
pub fn pin_desk(config: &Config) -> PinDesk {
    let ring = KeyRing::of(Key::new(1, *config.keys.pin.expose_secret()));
    PinDesk::new(ring, config.ussd.pin_workers, PIN_QUEUE)
}

/// The menus of the configuration's folder.
pub fn load_menus(config: &Config) -> anyhow::Result<Menus> {
    let limits = menu::Limits {
        screen_septets: config.ussd.screen_septets,
        session_seconds: SESSION_SECONDS,
    };
    Menus::load(&config.menus.dir, &VOCABULARY, limits)
        .map_err(|mistakes| told(&config.menus.dir, &mistakes))
}

/// The message templates of the configuration's folder, in the languages of the menus.
pub fn load_templates(config: &Config, menus: &Menus) -> anyhow::Result<Templates> {
    let languages = menus.languages().map(|(language, _)| language).collect();
    let globals = Globals {
        languages,
        ussd: config.ussd.code.clone(),
        sms: config.sms.short_code.clone(),
    };
    Templates::load(&config.messages.dir, globals)
        .map_err(|mistakes| told(&config.messages.dir, &mistakes))
}

/// The insurance products of the configuration's folder, in the languages of the menus.
pub fn load_shelf(config: &Config, menus: &Menus) -> anyhow::Result<Shelf> {
    let languages: Vec<_> = menus.languages().map(|(language, _)| language).collect();
    Shelf::load(&config.insurance.dir, &languages)
        .map_err(|mistakes| told(&config.insurance.dir, &mistakes))
}

fn told(dir: &std::path::Path, mistakes: &[impl std::fmt::Display]) -> anyhow::Error {
    let lines: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("  {mistake}"))
        .collect();
    anyhow::anyhow!(
        "{} mistakes in {}:\n{}",
        mistakes.len(),
        dir.display(),
        lines.join("\n")
    )
}

/// Connections that give up rather than hold a rider: a statement has two seconds, a lock half a second.
fn pool(config: &Config) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(config.database.url.expose_secret())
        .context("database.url")?
        .options([
            ("statement_timeout", "2000"),
            ("lock_timeout", "500"),
            ("idle_in_transaction_session_timeout", "5000"),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(config.database.max_connections)
        // A burst of dials after a quiet hour must not wait for handshakes.
        .min_connections(config.database.max_connections / 2)
        .acquire_timeout(Duration::from_secs(1))
        .test_before_acquire(false)
        .connect_lazy_with(options))
}

/// A key of its own for each purpose, from the one that protects people's data.
fn derived(config: &Config, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(config.keys.identity.expose_secret().as_slice())
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    hmac.update(purpose);
    Zeroizing::new(hmac.finalize().into_bytes().into())
}

fn address(url: &reqwest::Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn twilio_settings(config: &Config) -> twilio::Settings {
    let path = report_path(config.http.webhook_keys[0].expose_secret());
    let callback = format!("{}{path}", address(&config.twilio.callback_base));
    twilio::Settings {
        base_url: address(&config.twilio.base_url),
        account_sid: config.twilio.account_sid.clone(),
        auth_token: Secret::new(config.twilio.auth_tokens[0].expose_secret()),
        sender: config.twilio.sender.clone(),
        status_callback: Secret::new(callback),
        timeout: SMS_TIMEOUT,
    }
}

fn twilio_verifier(config: &Config) -> twilio::Verifier {
    let tokens = config.twilio.auth_tokens.iter();
    let tokens = tokens.map(|token| Secret::new(token.expose_secret()));
    twilio::Verifier::new(&address(&config.twilio.callback_base), tokens.collect())
}

/// How Daraja is reached, and where it reaches us.
pub fn mpesa_settings(config: &Config) -> MpesaSettings {
    MpesaSettings {
        base_url: address(&config.mpesa.base_url),
        consumer_key: config.mpesa.consumer_key.clone(),
        consumer_secret: config.mpesa.consumer_secret.clone(),
        shortcode: config.mpesa.shortcode.clone(),
        till: None,
        passkey: config.mpesa.passkey.clone(),
        transaction_type: TransactionType::PayBill,
        callback_base: address(&config.mpesa.callback_base),
        webhook_key: config.http.webhook_keys[0].clone(),
        payouts: PayoutSettings {
            shortcode: config.mpesa.payout_shortcode.clone(),
            initiator: config.mpesa.initiator.clone(),
            security_credential: config.mpesa.security_credential.clone(),
        },
    }
}
