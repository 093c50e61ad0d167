//! What can be done to phones and gateway during a dialogue.

use std::pin::Pin;
use std::time::Duration;

use super::script::{Answer, Trouble};

/// What a phone shows, without the wire's `CON` or `END`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    pub text: String,
    /// Whether the session waits for a reply.
    pub open: bool,
}

/// Why a step could not be done at all; what came out differently is the player's to say.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// This stage has no means for it.
    #[error("{0}")]
    Unable(&'static str),
    /// It was tried and something broke.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

impl From<reqwest::Error> for StageError {
    fn from(error: reqwest::Error) -> StageError {
        StageError::Broken(error.into())
    }
}

type Done<T> = Result<T, StageError>;

/// The world a dialogue is played in. Phones are named by their digits, such as `254711000001`.
pub trait Stage: Send {
    /// A phone enters: it has no session open, and what it received before is read.
    fn enter(&mut self, msisdn: &str) -> impl Future<Output = Done<()>> + Send;
    fn dial(&mut self, msisdn: &str, code: &str) -> impl Future<Output = Done<Screen>> + Send;
    fn reply(&mut self, msisdn: &str, keys: &str) -> impl Future<Output = Done<Screen>> + Send;
    /// The network lets go of the session; its end notice says Incomplete.
    fn let_go(&mut self, msisdn: &str) -> impl Future<Output = Done<()>> + Send;
    /// Delivers the phone's last request to the gateway once more.
    fn again(&mut self, msisdn: &str) -> impl Future<Output = Done<Screen>> + Send;
    /// Makes the gateway's session store lose this phone's session.
    fn forget(&mut self, msisdn: &str) -> impl Future<Output = Done<()>> + Send;
    /// Has the gateway's desk do something, such as `approve 254711000009`.
    fn desk(&mut self, words: &str) -> impl Future<Output = Done<()>> + Send;
    /// Moves the clock on.
    fn advance(&mut self, by: Duration) -> impl Future<Output = Done<()>> + Send;
    /// Waits for an M-PESA prompt and answers it. Gives what it said, or nothing when none came.
    fn prompt(
        &mut self,
        msisdn: &str,
        answer: Answer,
    ) -> impl Future<Output = Done<Option<String>>> + Send;
    /// The phone pays so many shillings to the paybill for this account, by M-PESA's own menu.
    fn pay_bill(
        &mut self,
        msisdn: &str,
        shillings: u32,
        account: &str,
    ) -> impl Future<Output = Done<()>> + Send;
    fn text(&mut self, msisdn: &str, to: &str, text: &str)
    -> impl Future<Output = Done<()>> + Send;
    /// Waits for the next message this phone has not read, and reads it: from that sender, or else from anybody but M-PESA,
    /// whose confirmations come before or after the gateway's as they please. Nothing when none came.
    fn next_message(
        &mut self,
        msisdn: &str,
        from: Option<&str>,
    ) -> impl Future<Output = Done<Option<String>>> + Send;
    /// A message, M-PESA's aside, that is unread once everything that was under way is done.
    fn message_left(&mut self, msisdn: &str) -> impl Future<Output = Done<Option<String>>> + Send;
    /// Waits for a call and picks up. Gives all that is said until a key is expected, or nothing when none came.
    fn pick_up(&mut self, msisdn: &str) -> impl Future<Output = Done<Option<String>>> + Send;
    /// Presses keys in the call. Gives what is said then, or nothing when there is no call.
    fn press(
        &mut self,
        msisdn: &str,
        keys: &str,
    ) -> impl Future<Output = Done<Option<String>>> + Send;
    /// Rings a number, and waits until the call is over or answered.
    fn ring(&mut self, msisdn: &str, number: &str) -> impl Future<Output = Done<()>> + Send;
    /// Whether the phone rings once everything that was under way is done.
    fn rings(&mut self, msisdn: &str) -> impl Future<Output = Done<bool>> + Send;
    /// Orders a trouble, for one phone or for all.
    fn trouble(
        &mut self,
        msisdn: Option<&str>,
        trouble: &Trouble,
    ) -> impl Future<Output = Done<()>> + Send;
}

type Hook<T> =
    Box<dyn Fn(T) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync>;

/// What only the gateway's own tests can do, from inside: each is optional, and a step that needs a missing one fails by name.
#[derive(Default)]
pub struct Hooks {
    forget: Option<Hook<String>>,
    desk: Option<Hook<String>>,
    advance: Option<Hook<Duration>>,
    settle: Option<Hook<()>>,
}

impl Hooks {
    pub fn none() -> Hooks {
        Hooks::default()
    }

    /// How the gateway's session store loses the session of a phone, given by its digits.
    pub fn on_forget<F, Fut>(mut self, deed: F) -> Hooks
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.forget = Some(Box::new(move |msisdn| Box::pin(deed(msisdn))));
        self
    }

    /// How the gateway's desk does what it is told.
    pub fn on_desk<F, Fut>(mut self, deed: F) -> Hooks
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.desk = Some(Box::new(move |words| Box::pin(deed(words))));
        self
    }

    /// How the clock moves on, for the gateway and the world around it.
    pub fn on_advance<F, Fut>(mut self, deed: F) -> Hooks
    where
        F: Fn(Duration) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.advance = Some(Box::new(move |by| Box::pin(deed(by))));
        self
    }

    /// How to get all work that is due done, before a message or a prompt is looked for.
    pub fn on_settle<F, Fut>(mut self, deed: F) -> Hooks
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.settle = Some(Box::new(move |()| Box::pin(deed())));
        self
    }

    pub(super) async fn forget(&self, msisdn: &str) -> Done<()> {
        let hook = self.forget.as_ref().ok_or(StageError::Unable(
            "forgetting a session needs a hook into the gateway's session store",
        ))?;
        Ok(hook(msisdn.to_owned()).await?)
    }

    pub(super) async fn desk(&self, words: &str) -> Done<()> {
        let hook = self.desk.as_ref().ok_or(StageError::Unable(
            "a deed of the desk needs a hook into the gateway",
        ))?;
        Ok(hook(words.to_owned()).await?)
    }

    pub(super) async fn advance(&self, by: Duration) -> Done<()> {
        let hook = self.advance.as_ref().ok_or(StageError::Unable(
            "waiting needs a hook into the gateway's clock",
        ))?;
        Ok(hook(by).await?)
    }

    /// Whether everything due is known to be done.
    pub(super) async fn settle(&self) -> Done<bool> {
        let Some(hook) = &self.settle else {
            return Ok(false);
        };
        hook(()).await?;
        Ok(true)
    }
}
