//! A phone in a terminal: the screen, the last messages, the M-PESA prompt, and keys.

mod picture;

use std::io::{IsTerminal, Write, stdin, stdout};
use std::time::Duration;

use anyhow::{Context, bail};
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue, style::Print, terminal};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::phones::Msisdn;

/// How often the phone is looked at while nothing is typed.
const GLANCE: Duration = Duration::from_millis(300);

/// What the control API says of the phone.
#[derive(Clone, Debug, Default, Deserialize)]
struct View {
    msisdn: String,
    name: String,
    open: bool,
    screen: String,
    unread: u64,
    balance: String,
    prompt: Option<PromptView>,
    call: Option<CallView>,
    last_call: Option<EndedCall>,
    #[serde(skip)]
    texts: Vec<TextView>,
}

#[derive(Clone, Debug, Deserialize)]
struct PromptView {
    text: String,
    ignored: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct CallView {
    from: String,
    state: String,
    spoken: String,
    language: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct EndedCall {
    id: String,
    from: String,
    missed: bool,
    seconds: i64,
    spoken: String,
    language: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct TextView {
    from: String,
    text: String,
}

/// What Enter does with what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// A code or number to dial, or a reply to the screen.
    Keys,
    /// A message to the short code.
    Message,
}

/// Holds one phone until its owner leaves with Ctrl-C.
pub async fn hold(msisdn: &Msisdn, url: &str) -> anyhow::Result<()> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        bail!("a phone needs a terminal to be held in; in a browser it is at {url}/");
    }
    let mut phone = Handset::reach(msisdn, url).await?;
    let _raw = Raw::enter().context("taking over the terminal")?;
    let mut keys = keyboard();
    let mut glance = tokio::time::interval(GLANCE);
    loop {
        tokio::select! {
            pressed = keys.recv() => match pressed {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    let control = key.modifiers.contains(KeyModifiers::CONTROL);
                    if control && matches!(key.code, KeyCode::Char('c' | 'd' | 'q')) {
                        return Ok(());
                    }
                    phone.press(key.code).await;
                }
                Some(_) => {}
                None => return Ok(()),
            },
            _ = glance.tick() => {}
        }
        if phone.look().await {
            write!(stdout(), "\u{7}")?;
        }
        draw(&phone.drawn())?;
    }
}

/// The terminal in raw mode, given back when this is dropped, whatever happened meanwhile.
struct Raw;

impl Raw {
    fn enter() -> anyhow::Result<Self> {
        terminal::enable_raw_mode()?;
        let raw = Raw;
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        Ok(raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        _ = execute!(stdout(), Show, LeaveAlternateScreen);
        _ = terminal::disable_raw_mode();
    }
}

fn draw(lines: &[String]) -> anyhow::Result<()> {
    let mut out = stdout();
    let rows = terminal::size().map_or(24, |(_, rows)| usize::from(rows));
    for (row, line) in (0_u16..).zip(lines.iter().take(rows)) {
        queue!(
            out,
            MoveTo(0, row),
            Clear(ClearType::CurrentLine),
            Print(line)
        )?;
    }
    queue!(out, Clear(ClearType::FromCursorDown))?;
    Ok(out.flush()?)
}

/// Reads keys on a thread of its own; it ends with the process.
fn keyboard() -> mpsc::UnboundedReceiver<Event> {
    let (sender, events) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}

impl CallView {
    fn rings(&self) -> bool {
        self.state == "ringing"
    }
}

/// The phone at the other end of the control API.
struct Handset {
    http: reqwest::Client,
    phone_url: String,
    short_code: String,
    view: View,
    typed: String,
    writing: Writing,
    trouble: Option<String>,
    /// The last call whose end the owner has seen.
    seen_call: Option<String>,
}

impl Handset {
    async fn reach(msisdn: &Msisdn, url: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/');
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()?;
        let asking = http.get(format!("{url}/sim/settings")).send().await;
        let answer = asking.with_context(|| {
            format!("no simulators at {url}; start them with `simulators serve`")
        })?;
        let settings: Value = answer
            .json()
            .await
            .context("these are not the simulators")?;
        let short_code = settings["short_code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let phone_url = format!("{url}/phones/{msisdn}");
        let (view, typed, writing, trouble) = (View::default(), String::new(), Writing::Keys, None);
        let mut phone = Self {
            http,
            phone_url,
            short_code,
            view,
            typed,
            writing,
            trouble,
            seen_call: None,
        };
        phone.view = phone.seen().await?;
        phone.see_call();
        Ok(phone)
    }

    /// Returns whether the phone makes a noise: a message has come, or it rings.
    async fn look(&mut self) -> bool {
        let Ok(view) = self.seen().await else {
            self.trouble = Some("The simulators do not answer.".into());
            return false;
        };
        let rings = |view: &View| view.call.as_ref().is_some_and(CallView::rings);
        let noisy = view.unread > self.view.unread || (rings(&view) && !rings(&self.view));
        self.view = view;
        noisy
    }

    fn see_call(&mut self) {
        self.seen_call = self.view.last_call.as_ref().map(|call| call.id.clone());
    }

    /// The end of a call its owner has not seen yet.
    fn over(&self) -> Option<&EndedCall> {
        let last = self.view.last_call.as_ref()?;
        (self.seen_call.as_ref() != Some(&last.id)).then_some(last)
    }

    async fn seen(&self) -> anyhow::Result<View> {
        let mut view: View = self.http.get(&self.phone_url).send().await?.json().await?;
        view.texts = self
            .http
            .get(format!("{}/inbox", self.phone_url))
            .send()
            .await?
            .json()
            .await?;
        Ok(view)
    }

    fn drawn(&self) -> Vec<String> {
        picture::drawn(
            &self.view,
            self.over(),
            &self.typed,
            self.writing,
            self.trouble.as_deref(),
            &self.short_code,
        )
    }

    async fn press(&mut self, key: KeyCode) {
        self.trouble = None;
        if self
            .view
            .prompt
            .as_ref()
            .is_some_and(|prompt| !prompt.ignored)
        {
            return self.answer_prompt(key).await;
        }
        if self.view.unread > 0 {
            self.send("read", json!({})).await;
        }
        if let Some(call) = &self.view.call {
            let ringing = call.rings();
            return self.handle_call(key, ringing).await;
        }
        self.see_call();
        match key {
            KeyCode::Char(character) => self.typed.push(character),
            KeyCode::Backspace => _ = self.typed.pop(),
            KeyCode::Tab if !self.view.open => {
                self.writing = if self.writing == Writing::Keys {
                    Writing::Message
                } else {
                    Writing::Keys
                };
            }
            KeyCode::Esc => {
                self.typed.clear();
                self.send("hang-up", json!({})).await;
            }
            KeyCode::Enter => self.enter().await,
            _ => {}
        }
    }

    async fn enter(&mut self) {
        let typed = std::mem::take(&mut self.typed);
        if self.view.open {
            return self.send("type", json!({"keys": typed})).await;
        }
        match self.writing {
            _ if typed.is_empty() => {}
            Writing::Keys if typed.starts_with('*') => {
                self.send("dial", json!({"code": typed})).await
            }
            Writing::Keys => self.send("ring", json!({"to": typed})).await,
            Writing::Message => {
                self.send("sms", json!({"to": self.short_code, "text": typed}))
                    .await
            }
        }
    }

    async fn answer_prompt(&mut self, key: KeyCode) {
        let answer = match key {
            KeyCode::Char('a') | KeyCode::Enter => "approve",
            KeyCode::Char('c') | KeyCode::Esc => "cancel",
            KeyCode::Char('w') => "wrong-pin",
            KeyCode::Char('i') => "ignore",
            _ => return,
        };
        self.send("prompt", json!({"answer": answer})).await;
    }

    async fn handle_call(&mut self, key: KeyCode, ringing: bool) {
        match key {
            KeyCode::Enter => self.send("call", json!({"keys": ""})).await,
            KeyCode::Char(key)
                if !ringing && (key.is_ascii_digit() || key == '#' || key == '*') =>
            {
                self.send("call", json!({"keys": key.to_string()})).await;
            }
            KeyCode::Esc => self.send("hang-up", json!({})).await,
            _ => {}
        }
    }

    async fn send(&mut self, what: &str, body: Value) {
        let sent = self
            .http
            .post(format!("{}/{what}", self.phone_url))
            .json(&body)
            .send()
            .await;
        self.trouble = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => {
                let said: Value = answer.json().await.unwrap_or_default();
                Some(
                    said["error"]
                        .as_str()
                        .unwrap_or("That did not work.")
                        .to_owned(),
                )
            }
            Err(_) => Some("The simulators do not answer.".into()),
        };
    }
}
