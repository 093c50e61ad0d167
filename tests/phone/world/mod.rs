//! The whole product in one test: the gateway on a port of its own over a seeded database of its own, the simulators
//! beside it, a clock that stands still, and jobs that are done when the test says so.

mod database;
mod line;
mod logs;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use kwastage::app::{self, App};
use kwastage::clock::Clock;
use kwastage::config::Config;
use kwastage::contributing::Destination;
use kwastage::conversation::SessionId;
use kwastage::conversation::store::{
    Lifetimes, MemoryStore, RedisStore, SessionSeal, SessionStore,
};
use kwastage::fault::Fault;
use kwastage::invoices::What;
use kwastage::jobs::{self, Registry};
use kwastage::loans::{self, LoanNumber};
use kwastage::members::{self, Credential, Fee, Reason, Who};
use kwastage::messages::Sender;
use kwastage::payments::Receipt;
use kwastage::payouts;
use kwastage::primitives::{Money, Msisdn, StaffName};
use kwastage::recovery;
use kwastage::redis_connection::RedisConnection;
use kwastage::settlement;
use kwastage::work::{Actor, Work};
use kwastage::{dues, http, serve, wallet, welcome};
use redis::AsyncCommands;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use simulators::dialogue::{Hooks, Phones};
use simulators::{Running, Settings, Simulators, Timings};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use database::Database;
pub use line::{Line, Trouble};
pub use logs::captured as captured_logs;

/// Noon of a Friday in Nairobi, on which the seeded world was seeded.
pub const SEEDED_AT: &str = "2026-11-20T09:00:00Z";

/// What a rider waits without a thought; a clock that stands still moves on so far by itself.
const A_MOMENT: TimeDelta = TimeDelta::seconds(10);

/// In real time, for what is on its way already.
const PATIENCE: Duration = Duration::from_secs(6);

/// Where this world keeps its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    InProcess,
    Redis,
    /// A Redis at whose address nobody answers.
    RedisAway,
}

/// Cheap to clone; the last one takes everything away with it.
#[derive(Clone)]
pub struct World(Arc<Parts>);

pub struct Parts {
    pub app: App,
    pub pool: PgPool,
    pub clock: Clock,
    sessions: Sessions,
    /// `http://127.0.0.1:…` of the gateway.
    pub gateway: String,
    pub outside: Running,
    pub http: reqwest::Client,
    /// What every key of this world in Redis begins with.
    pub redis_prefix: String,
    registry: Registry<App>,
    sender: Sender,
    stop: CancellationToken,
    _serving: DropGuard,
    /// Between the product and its Postgres.
    pub line: Option<Line>,
    database: Database,
}

impl Deref for World {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl World {
    pub async fn new(sessions: Sessions) -> World {
        World::with(sessions, &[]).await
    }

    /// As [`World::new`], with settings of its own, such as `("USSD__HOP_BUDGET_MS", "500")`.
    pub async fn with(sessions: Sessions, settings: &[(&str, &str)]) -> World {
        let database = Database::seeded().await;
        let pool = database.pool();
        World::over(database, pool, None, sessions, settings).await
    }

    /// With Postgres at the end of a line that can be troubled, and as patient with it as the product is.
    pub async fn behind_a_line(sessions: Sessions, settings: &[(&str, &str)]) -> World {
        let database = Database::seeded().await;
        let line = Line::to(database::server_address()).await;
        let pool = database.pool_over(&line);
        World::over(database, pool, Some(line), sessions, settings).await
    }

    async fn over(
        database: Database,
        pool: PgPool,
        line: Option<Line>,
        sessions: Sessions,
        settings: &[(&str, &str)],
    ) -> World {
        logs::start();
        let outside = Simulators::start(Settings {
            bind: ([127, 0, 0, 1], 0).into(),
            // Without a wait of their own, messages arrive in the order in which they were sent.
            timings: Timings {
                deliver_after: Duration::ZERO,
                ..Timings::brisk()
            },
            ..Settings::default()
        })
        .await
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = format!("http://{}", listener.local_addr().unwrap());
        outside.set_gateway(&gateway);

        let redis_prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
        let redis_url = match sessions {
            Sessions::RedisAway => "redis://127.0.0.1:1".to_owned(),
            _ => redis_url(),
        };
        let config = config(&outside.base_url, &gateway, &redis_url, settings);
        let clock = Clock::frozen_at(SEEDED_AT.parse().unwrap());
        let redis = match sessions {
            Sessions::RedisAway => RedisConnection::open(&redis_url, false).await.unwrap(),
            _ => patient_redis(&redis_url),
        };
        let lifetimes = Lifetimes {
            session: config.ussd.session_ttl,
            resume: config.ussd.resume_window,
        };
        let store = match sessions {
            Sessions::InProcess => SessionStore::Memory(MemoryStore::new(clock.clone(), lifetimes)),
            Sessions::Redis | Sessions::RedisAway => {
                SessionStore::Redis(Box::new(RedisStore::new(
                    redis.clone(),
                    format!("{redis_prefix}:"),
                    SessionSeal::new(&[7; 32]),
                    lifetimes,
                )))
            }
        };
        let app = App::assemble(config, clock.clone(), pool.clone(), redis, store).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(http::serve(
            listener,
            serve::router(app.clone()),
            stop.clone(),
        ));
        app.mpesa.register_c2b().await.unwrap();
        World(Arc::new(Parts {
            registry: serve::registry(&app),
            sender: serve::sender(&app),
            http: reqwest::Client::new(),
            _serving: stop.clone().drop_guard(),
            stop,
            line,
            database,
            app,
            pool,
            clock,
            sessions,
            gateway,
            outside,
            redis_prefix,
        }))
    }

    /// Takes everything away without holding anybody up. A world that is merely dropped does so too, but makes all wait.
    pub async fn close(self) {
        if let Some(parts) = Arc::into_inner(self.0) {
            parts.pool.close().await;
            parts.database.take_away().await;
        }
    }

    /// Another process of ours beside this world's gateway: the same database and session store, and nothing else in common.
    pub async fn another_gateway(&self) -> String {
        let app = App::assemble(
            self.app.config.clone(),
            self.clock.clone(),
            self.pool.clone(),
            self.app.redis.clone(),
            self.app.sessions.clone(),
        )
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(http::serve(listener, serve::router(app), self.stop.clone()));
        url
    }

    /// How the line to Postgres is from now on.
    pub fn postgres_is(&self, trouble: Trouble) {
        self.line
            .as_ref()
            .expect("a world behind a line")
            .is(trouble);
    }

    /// Connections of one's own, when the gateway's are gone.
    pub fn fresh_pool(&self) -> PgPool {
        self.database.pool()
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Does everything that is due, and what comes of it, until nothing is.
    pub async fn run_jobs(&self) {
        self.try_jobs().await.unwrap();
    }

    /// As [`World::run_jobs`], where the line to Postgres may break on the way.
    pub async fn try_jobs(&self) -> Result<(), Fault> {
        loop {
            // A push looks into the journal whether its rider is still on the phone.
            self.app.journal.flush().await;
            let done = jobs::run_due(&self.pool, &self.clock, &self.registry, self.app.clone());
            let done = done.await? + self.sender.drain_due().await?;
            if done == 0 {
                return Ok(());
            }
        }
    }

    /// As [`World::run_jobs`], letting the moment pass that a job wants to wait.
    pub async fn settle(&self) {
        let patience = self.now() + A_MOMENT;
        self.run_jobs().await;
        while let Some(due) = self.next_job(patience).await {
            self.advance((due - self.now()).to_std().unwrap_or_default())
                .await;
            self.run_jobs().await;
        }
    }

    /// Waits for the reports on alerts and broadcasts that are on their way already: a clock that jumps would find them missing.
    async fn let_reports_arrive(&self) {
        let open = "select exists (select from outbox where (class = 'emergency' or template ~ '^broadcast[.](notice|news|desk|post)')
                                 and state in ('sent', 'unknown') and changed_at > $1)";
        let since = self.now() - TimeDelta::seconds(30);
        let arrived = async {
            // A pool that was closed has nothing to wait for.
            while sqlx::query_scalar(open)
                .bind(since)
                .fetch_one(&self.pool)
                .await
                .unwrap_or(false)
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // With trouble ordered they may never come.
        let patience = match self.outside.is_in_trouble() {
            true => Duration::from_millis(300),
            false => PATIENCE,
        };
        let _ = tokio::time::timeout(patience, arrived).await;
    }

    /// Lets this much of our time pass and does on the way what becomes due, each thing at its time.
    pub async fn live_through(&self, by: Duration) {
        let end = self.now() + TimeDelta::from_std(by).unwrap();
        self.run_jobs().await;
        while let Some(due) = self.next_job(end).await {
            self.advance_ours((due - self.now()).to_std().unwrap_or_default())
                .await;
            self.run_jobs().await;
        }
        self.advance_ours((end - self.now()).to_std().unwrap_or_default())
            .await;
        self.run_jobs().await;
    }

    async fn next_job(&self, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        sqlx::query_scalar(
            // The answer clock ticks each second: what it was to look at by now it looks at with the next tick.
            "select min(at) from (select run_at as at from job where state = 'waiting' and run_at > $2
               union all select greatest(look_at, $2 + interval '1 second') from emergency where look_at is not null) as due
             where at <= $1",
        )
        .bind(until)
        .bind(self.now())
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    /// Moves every clock there is: ours, the outside's, and Redis' by taking the time from its keys.
    pub async fn advance(&self, by: Duration) {
        self.outside.advance(by);
        self.advance_ours(by).await;
    }

    async fn advance_ours(&self, by: Duration) {
        self.let_reports_arrive().await;
        self.clock.advance(TimeDelta::from_std(by).unwrap());
        if self.sessions != Sessions::Redis {
            return;
        }
        let mut redis = self.app.redis.clone();
        for key in self.redis_keys().await {
            let left: i64 = redis.pttl(&key).await.unwrap();
            let left = left - i64::try_from(by.as_millis()).unwrap();
            let _: bool = redis.pexpire(&key, left).await.unwrap();
        }
    }

    /// The keys of this world.
    pub async fn redis_keys(&self) -> Vec<String> {
        let mut redis = self.app.redis.clone();
        let mut found = Vec::new();
        let mut keys = redis
            .scan_match::<_, String>(format!("{}*", self.redis_prefix))
            .await
            .unwrap();
        while let Some(key) = keys.next_item().await {
            found.push(key.unwrap());
        }
        found
    }

    /// The session store and this process lose the latest session of a phone.
    pub async fn forget(&self, msisdn: &str) {
        self.app.journal.flush().await;
        let session: Option<String> = sqlx::query_scalar(
            "select session_id from hop where msisdn = $1 order by id desc limit 1",
        )
        .bind(msisdn)
        .fetch_optional(&self.pool)
        .await
        .unwrap();
        let Some(session) = session else { return };
        let session = SessionId::parse(&session).unwrap();
        self.app.sessions_at_hand.remove(&session);
        let msisdn = Msisdn::parse(msisdn).unwrap();
        // A store that is away has forgotten already.
        let _ = self.app.sessions.forget(&session, &msisdn).await;
    }

    async fn allocate(&self, words: &str) -> anyhow::Result<()> {
        let (receipt, who) = words.split_once(' ').context("allocate RECEIPT WHO")?;
        let receipt = Receipt::parse(receipt).context("no receipt")?;
        let who = Who::parse(who).context("write a phone, a member number or an id")?;
        let actor = Actor::Staff {
            name: "desk".to_owned(),
        };
        let mut work = Work::begin(&self.pool, self.now(), actor).await?;
        settlement::allocate_by_hand(&self.app, &mut work, &receipt, &who, Destination::Fund)
            .await?;
        work.commit().await?;
        Ok(())
    }

    async fn loan_of(&self, work: &mut Work, who: &Who) -> anyhow::Result<LoanNumber> {
        let now = self.now();
        let member = members::find(work.conn(), who).await?;
        let member = member.context("no member is known by that")?;
        let standing = loans::standing_of(work.conn(), member.id.0, now).await?;
        Ok(standing.context("they have no loan")?.loan.number)
    }

    /// What staff do, as `kwastage` does it: `approve WHO`, `approve WHO without-fee`, `refuse WHO REASON`, `suspend WHO REASON`,
    /// `reinstate WHO`, `thaw WHO`, `new-pin WHO`, `lift-cooling WHO STAFF`, `reset-pin WHO NAME`, `change-phone WHO NEW NAME`,
    /// `fine WHO AMOUNT REASON`, `lend WHO BY`, `refuse-loan WHO REASON`, `allocate RECEIPT WHO`.
    pub async fn desk(&self, words: &str) -> anyhow::Result<()> {
        let (deed, rest) = words.split_once(' ').unwrap_or((words, ""));
        if deed == "allocate" {
            return self.allocate(rest).await;
        }
        let (who, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let parsed = Who::parse(who).context("write a phone, a member number or an id")?;
        let actor = Actor::Staff {
            name: "desk".to_owned(),
        };
        let fee_due = self.app.config.fees.registration;
        let mut work = Work::begin(&self.pool, self.now(), actor).await?;
        match (deed, rest) {
            ("approve", "") => {
                welcome::approve(&mut work, &parsed, Fee::MustBePaid, fee_due).await?;
            }
            ("approve", "without-fee") => {
                welcome::approve(&mut work, &parsed, Fee::MayFollow, fee_due).await?;
            }
            ("refuse", reason) => {
                welcome::refuse(&mut work, &parsed, Reason::parse(reason)?).await?;
            }
            ("thaw", "") => {
                let member = members::find(work.conn(), &parsed).await?;
                let member = member.context("no member is known by that")?;
                wallet::thaw(&mut work, member.id.0).await?;
            }
            ("new-pin", "") => {
                let member = members::find(work.conn(), &parsed).await?;
                let member = member.context("no member is known by that")?;
                members::note_credential_change(&mut work, member.id, Credential::Pin).await?;
            }
            ("lift-cooling", by) => {
                let member = members::find(work.conn(), &parsed).await?;
                let member = member.context("no member is known by that")?;
                let by = StaffName::parse(by).context("no name")?;
                let rules = &self.app.payout_rules;
                payouts::lift_cooling(&mut work, rules, member.id.0, &by).await?;
            }
            ("suspend", reason) => {
                welcome::suspend(&mut work, &parsed, Reason::parse(reason)?).await?;
            }
            ("reinstate", "") => {
                welcome::reinstate(&mut work, &parsed).await?;
            }
            ("reset-pin", name) => {
                let member = members::find(work.conn(), &parsed).await?;
                let member = member.context("no member is known by that")?;
                recovery::staff_says(&mut work, member.id, &StaffName::parse(name)?, true).await?;
            }
            ("change-phone", rest) => {
                let (new, name) = rest.split_once(' ').context("change-phone WHO NEW NAME")?;
                let member = members::find(work.conn(), &parsed).await?;
                let member = member.context("no member is known by that")?;
                let (new, name) = (Msisdn::parse(new)?, StaffName::parse(name)?);
                recovery::second_by_staff(&mut work, &member, &new, &name).await?;
            }
            ("fine", rest) => {
                let (amount, reason) = rest.split_once(' ').context("fine WHO AMOUNT REASON")?;
                let (amount, reason) = (Money::from_shillings(amount.parse()?), reason.to_owned());
                dues::fine(
                    &mut work,
                    &parsed,
                    What::Fine { reason },
                    amount,
                    14,
                    "desk",
                )
                .await?;
            }
            ("lend", by) => {
                let loan = self.loan_of(&mut work, &parsed).await?;
                loans::approve(&mut work, loan, &StaffName::parse(by)?).await?;
            }
            ("refuse-loan", reason) => {
                let loan = self.loan_of(&mut work, &parsed).await?;
                let reason = loans::Reason::parse(reason)?;
                loans::refuse(&mut work, loan, &StaffName::parse("desk")?, reason).await?;
            }
            _ => bail!("the desk does not know `{words}`"),
        }
        work.commit().await?;
        // Numbers are given every other second.
        self.advance(Duration::from_secs(2)).await;
        Ok(())
    }

    /// The simulators' phones, for dialogues.
    pub fn phones(&self) -> Phones {
        let (forgetting, moving, settling, working) =
            (self.clone(), self.clone(), self.clone(), self.clone());
        let hooks = Hooks::none()
            .on_forget(move |msisdn| {
                let world = forgetting.clone();
                async move {
                    world.forget(&msisdn).await;
                    Ok(())
                }
            })
            .on_advance(move |by| {
                let world = moving.clone();
                async move {
                    world.live_through(by).await;
                    Ok(())
                }
            })
            .on_settle(move || {
                let world = settling.clone();
                async move {
                    world.settle().await;
                    Ok(())
                }
            })
            .on_desk(move |words| {
                let world = working.clone();
                async move { world.desk(&words).await }
            });
        Phones::new(&self.outside.base_url)
            .with_hooks(hooks)
            .with_patience(PATIENCE)
    }
}

/// A database of that Redis in which only worlds are, so that looking for one's keys is quick.
fn redis_url() -> String {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399".to_owned());
    format!("{}/7", url.trim_end_matches('/'))
}

/// The gateway's own connection gives up after an instant, which a machine full of tests may take.
fn patient_redis(url: &str) -> RedisConnection {
    let patience = Some(Duration::from_secs(10));
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(patience)
        .set_response_timeout(patience);
    let client = redis::Client::open(url).unwrap();
    RedisConnection::Single(ConnectionManager::new_lazy_with_config(client, config).unwrap())
}

fn config(outside: &str, gateway: &str, redis: &str, more: &[(&str, &str)]) -> Arc<Config> {
    let fixed = [
        ("AFRICASTALKING__BASE_URL", outside),
        ("AFRICASTALKING__VOICE_URL", outside),
        ("TWILIO__BASE_URL", outside),
        ("TWILIO__CALLBACK_BASE", gateway),
        ("MPESA__BASE_URL", outside),
        ("MPESA__CALLBACK_BASE", gateway),
        ("REDIS__URL", redis),
    ];
    // Files that outlive the world would be taken over by the next; where nothing waits nothing is left.
    let spool =
        std::env::temp_dir().join(format!("kwastage-spool-{}", uuid::Uuid::new_v4().simple()));
    let spool = spool.display().to_string();
    let fixed = fixed
        .into_iter()
        .chain([("EMERGENCIES__SPOOL", spool.as_str())]);
    let ours = |name: &str| more.iter().all(|(theirs, _)| *theirs != name);
    let has_own_budget = !ours("USSD__HOP_BUDGET_MS");
    let variables = fixed
        .filter(|(name, _)| ours(name))
        .chain(more.iter().copied())
        .map(|(name, value)| (format!("KWASTAGE_{name}"), value.to_owned()));
    let mut config = Config::read(None, variables).unwrap();
    // Two cores run many worlds at once: only who asks for it is to see a part of us take too long.
    if !has_own_budget {
        config.ussd.hop_budget = Duration::from_secs(40);
    }
    Arc::new(config)
}

/// Everybody's keys, as the seeded world was sealed with them.
fn defaults() -> Config {
    Config::read(None, []).unwrap()
}

async fn seed(pool: &PgPool) {
    let config = defaults();
    let now = SEEDED_AT.parse().unwrap();
    let (keys, desk) = (app::member_keys(&config), app::pin_desk(&config));
    let seeded = kwastage::seed::world(pool, &keys, &desk, now)
        .await
        .unwrap();
    kwastage::seed::money(pool, &seeded, now).await.unwrap();
}
