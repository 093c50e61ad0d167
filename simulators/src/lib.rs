//! The outside of KwaStage on one port: Africa's Talking, Twilio, Daraja, and the phones in the riders' hands.
//!
//! Written from the vendors' protocols and never from our own client, because it is our only witness: whatever it refuses,
//! drops, doubles or delays, the real thing refuses, drops, doubles or delays too.
//!
//! - [`settings`]: who the outside believes we are, and how patient it is
//! - [`clock`]: time that can be moved forward; everything timed follows it
//! - [`faults`]: the closed list of troubles that can be ordered
//! - [`world`]: what the outside knows, behind one lock
//! - [`phones`]: people, their handsets, their M-PESA wallets
//! - [`africastalking`]: USSD, SMS, voice and the account
//! - [`twilio`]: the second way for text messages
//! - [`daraja`]: OAuth, STK push and query, C2B, B2C, status, pull, and the provider's own book
//! - [`held`]: a phone in somebody's hands
//! - [`control`]: the API that pages, terminals and tests use to be people
//! - [`terminal`]: a phone in a terminal
//! - [`dialogue`]: conversations anyone can read, played against a gateway
//!
//! Deliberately absent: any import from the gateway.

pub mod africastalking;
pub mod clock;
pub mod control;
pub mod daraja;
pub mod dialogue;
pub mod faults;
pub mod held;
pub mod phones;
pub mod settings;
pub mod terminal;
pub mod twilio;
pub mod world;

pub use settings::{Settings, Timings};
pub use world::{News, Violation};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use daraja::book::Entry;
use faults::{Fault, Order};
use held::Held;
use phones::alarms::Alarm;
use phones::{Msisdn, NotAPhoneNumber};
use world::World;

/// The outside as one server.
pub struct Simulators;

impl Simulators {
    /// Binds (port 0 takes any free port) and serves until the returned handle is stopped or dropped.
    pub async fn start(settings: Settings) -> anyhow::Result<Running> {
        let bind = settings.bind;
        let listener = TcpListener::bind(bind)
            .await
            .with_context(|| format!("binding the simulators to {bind}"))?;
        let address = listener.local_addr()?;
        let world = World::new(settings)?;
        let routes = routes(world.clone());
        let mut closing = world.closing();
        let server = tokio::spawn(async move {
            let stopped = async move { _ = closing.wait_for(|closed| *closed).await };
            axum::serve(listener, routes)
                .with_graceful_shutdown(stopped)
                .await
        });
        Ok(Running {
            base_url: format!("http://{address}"),
            address,
            world,
            server,
        })
    }
}

fn routes(world: Arc<World>) -> axum::Router {
    africastalking::routes()
        .merge(twilio::routes())
        .merge(daraja::routes())
        .merge(control::routes())
        .fallback(daraja::nowhere)
        .with_state(world)
}

/// A running outside. Dropping it stops it.
pub struct Running {
    /// `http://host:port`, without a slash at the end.
    pub base_url: String,
    pub address: SocketAddr,
    world: Arc<World>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Aims every webhook at another gateway from now on (tests bind theirs after the outside).
    pub fn set_gateway(&self, url: impl Into<String>) {
        self.world.set_gateway(url.into());
    }

    /// A phone, to be held by a test in this process.
    pub fn phone(&self, msisdn: &str) -> Result<Held, NotAPhoneNumber> {
        Ok(Held::new(self.world.clone(), Msisdn::parse(msisdn)?))
    }

    /// Orders trouble for every phone, for the given length of the outside's time.
    pub fn order(&self, what: Fault, how_long: Duration) {
        let until = faults::until(self.world.now(), how_long.as_secs_f64());
        self.world.state().faults.order(Order {
            what,
            how_often: 1.0,
            until,
            times: None,
            only: None,
        });
    }

    /// Whether some order for trouble is in force.
    pub fn is_in_trouble(&self) -> bool {
        let now = self.world.now();
        !self.world.state().faults.views(now).is_empty()
    }

    /// What the gateway answered so far that the real outside would not have liked.
    pub fn violations(&self) -> Vec<Violation> {
        self.world.state().violations.clone()
    }

    /// Every alarm the phones tell of, the newest first.
    pub fn alarms(&self) -> Vec<Alarm> {
        control::alarms::seen(&self.world.state())
    }

    /// M-PESA's own book: every shilling that moved.
    pub fn ledger(&self) -> Vec<Entry> {
        self.world.state().book.entries.clone()
    }

    /// Moves the outside's time forward, waking everything that falls due.
    pub fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// Stops serving and lets go of the port. Requests still open are dropped.
    pub async fn stop(mut self) {
        self.world.close();
        self.server.abort();
        _ = (&mut self.server).await;
    }

    /// Serves until the process is asked to stop.
    pub async fn wait(mut self) -> anyhow::Result<()> {
        Ok((&mut self.server).await??)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.world.close();
        self.server.abort();
    }
}
