//! Walks a script over a stage, step by step, and stops at the first thing that came out otherwise.

use super::pattern::{Known, fill, on_one_line};
use super::script::{Deed, Expectation, Phone, Script, SessionAfter, Step};
use super::stage::{Screen, Stage, StageError};

/// What happens at every hop besides what the script says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EachHop {
    /// Nothing.
    #[default]
    Plain,
    /// The session store is lost between every two hops.
    Forget,
    /// Every request is delivered twice, and the second answer must be the first.
    Again,
}

/// What was played, when all of it came out right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    pub steps: usize,
    /// Dials and replies.
    pub hops: usize,
}

/// A step that is done, for those who watch.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    pub phone: &'a Phone,
    pub step: &'a Step,
    /// The screen, message or prompt that came of it.
    pub brought: &'a str,
}

/// The first step that came out otherwise.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{place}: {step}\n  expected: {expected}\n  got:      {got}")]
pub struct Failure {
    pub file: String,
    /// The line, or another format's place.
    pub place: String,
    pub step: String,
    pub expected: String,
    pub got: String,
}

/// Plays a script. `watch` is told of every step as it is done.
pub async fn play<S: Stage>(
    script: &Script,
    stage: &mut S,
    each_hop: EachHop,
    mut watch: impl FnMut(Moment<'_>),
) -> Result<Played, Failure> {
    let mut player = Player {
        script,
        stage,
        each_hop,
        known: Known::new(),
        last: vec![None; script.phones.len()],
    };
    player.enter().await?;
    let mut played = Played::default();
    for step in &script.steps {
        let brought = player.step(step).await?;
        watch(Moment {
            phone: script.phone(step),
            step,
            brought: &brought,
        });
        played.steps += 1;
        played.hops += usize::from(matches!(step.deed, Deed::Dial { .. } | Deed::Type { .. }));
    }
    Ok(played)
}

struct Player<'a, S> {
    script: &'a Script,
    stage: &'a mut S,
    each_hop: EachHop,
    known: Known,
    /// What each phone was shown last.
    last: Vec<Option<Screen>>,
}

impl<S: Stage> Player<'_, S> {
    async fn enter(&mut self) -> Result<(), Failure> {
        for phone in &self.script.phones {
            self.stage
                .enter(&phone.msisdn)
                .await
                .map_err(|error| Failure {
                    file: self.script.file.clone(),
                    place: "1".to_owned(),
                    step: format!("phone {} {}", phone.name, phone.msisdn),
                    expected: "a phone without a session".to_owned(),
                    got: error.to_string(),
                })?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<String, Failure> {
        let script = self.script;
        let msisdn = script.phone(step).msisdn.as_str();
        let cannot = |error: StageError| {
            failure(script, step, "the step to be possible", &error.to_string())
        };
        match &step.deed {
            Deed::Dial { code } => {
                let code = fill(code, &self.known);
                let screen = self.stage.dial(msisdn, &code).await.map_err(cannot)?;
                self.hop(step, screen).await
            }
            Deed::Type { keys } => {
                let keys = fill(keys, &self.known);
                if self.each_hop == EachHop::Forget {
                    self.stage.forget(msisdn).await.map_err(cannot)?;
                }
                let screen = self.stage.reply(msisdn, &keys).await.map_err(cannot)?;
                self.hop(step, screen).await
            }
            Deed::Again => {
                let screen = self.stage.again(msisdn).await.map_err(cannot)?;
                self.same(step, &screen)?;
                self.screen(step, screen)
            }
            Deed::Drop => self.stage.let_go(msisdn).await.map_err(cannot).map(nothing),
            Deed::Forget => self.stage.forget(msisdn).await.map_err(cannot).map(nothing),
            Deed::Desk { words } => {
                let words = fill(words, &self.known);
                self.stage.desk(&words).await.map_err(cannot).map(nothing)
            }
            Deed::Wait { length } => self
                .stage
                .advance(*length)
                .await
                .map_err(cannot)
                .map(nothing),
            Deed::Pay { shillings, account } => {
                let account = fill(account, &self.known);
                let paid = self.stage.pay_bill(msisdn, *shillings, &account).await;
                paid.map_err(cannot).map(nothing)
            }
            Deed::Sms { to, text } => {
                let text = fill(text, &self.known);
                self.stage
                    .text(msisdn, to, &text)
                    .await
                    .map_err(cannot)
                    .map(nothing)
            }
            Deed::Fault(trouble) => {
                let whom = step.named.then_some(msisdn);
                self.stage
                    .trouble(whom, trouble)
                    .await
                    .map_err(cannot)
                    .map(nothing)
            }
            Deed::Prompt { answer } => {
                let said = self.stage.prompt(msisdn, *answer).await.map_err(cannot)?;
                self.words(step, said, "an M-PESA prompt", "none came")
            }
            Deed::SmsSays { from } => {
                let said = self
                    .stage
                    .next_message(msisdn, from.as_deref())
                    .await
                    .map_err(cannot)?;
                self.words(step, said, "a message", "none came")
            }
            Deed::CallSays => {
                let said = self.stage.pick_up(msisdn).await.map_err(cannot)?;
                self.words(step, said, "a call", "none came")
            }
            Deed::Press { keys } => {
                let said = self.stage.press(msisdn, keys).await.map_err(cannot)?;
                self.words(step, said, "a call to press keys in", "there is none")
            }
            Deed::HangUp => self.stage.let_go(msisdn).await.map_err(cannot).map(nothing),
            Deed::Ring { number } => {
                let rung = self.stage.ring(msisdn, number).await;
                rung.map_err(cannot).map(nothing)
            }
            Deed::NoCall => match self.stage.rings(msisdn).await.map_err(cannot)? {
                false => Ok(String::new()),
                true => Err(self.failed(step, "no call", "the phone rings")),
            },
            Deed::NoSms => match self.stage.message_left(msisdn).await.map_err(cannot)? {
                None => Ok(String::new()),
                Some(message) => Err(self.failed(step, "no message", &on_one_line(&message))),
            },
        }
    }

    async fn hop(&mut self, step: &Step, screen: Screen) -> Result<String, Failure> {
        self.last[step.phone] = Some(screen.clone());
        let said = self.screen(step, screen)?;
        if self.each_hop == EachHop::Again {
            let msisdn = self.script.phone(step).msisdn.as_str();
            let again = self.stage.again(msisdn).await.map_err(|error| {
                self.failed(step, "the request to come twice", &error.to_string())
            })?;
            self.same(step, &again)?;
        }
        Ok(said)
    }

    fn same(&self, step: &Step, again: &Screen) -> Result<(), Failure> {
        match &self.last[step.phone] {
            Some(first) if first == again => Ok(()),
            Some(first) => Err(self.failed(
                step,
                &format!("{}, as the first time", shown(first)),
                &shown(again),
            )),
            None => Err(self.failed(step, "a request before this one", "none")),
        }
    }

    fn screen(&mut self, step: &Step, screen: Screen) -> Result<String, Failure> {
        if let Some(expects) = &step.expects {
            let as_hoped = match expects.session {
                SessionAfter::Open => screen.open,
                SessionAfter::Ended => !screen.open,
                SessionAfter::Either => true,
            };
            match expects.says.fit(&screen.text, &self.known) {
                Some(learned) if as_hoped => self.known.extend(learned),
                _ => return Err(self.failed(step, &self.wanted(expects), &shown(&screen))),
            }
        }
        Ok(screen.text)
    }

    fn words(
        &mut self,
        step: &Step,
        said: Option<String>,
        what: &str,
        none: &str,
    ) -> Result<String, Failure> {
        let Some(said) = said else {
            let wanted = step
                .expects
                .as_ref()
                .map_or_else(|| what.to_owned(), |expects| self.wanted(expects));
            return Err(self.failed(step, &wanted, none));
        };
        if let Some(expects) = &step.expects {
            match expects.says.fit(&said, &self.known) {
                Some(learned) => self.known.extend(learned),
                None => return Err(self.failed(step, &self.wanted(expects), &on_one_line(&said))),
            }
        }
        Ok(said)
    }

    /// What was expected, with the values that are known by now.
    fn wanted(&self, expects: &Expectation) -> String {
        fill(&expects.to_string(), &self.known)
    }

    fn failed(&self, step: &Step, expected: &str, got: &str) -> Failure {
        failure(self.script, step, expected, got)
    }
}

fn failure(script: &Script, step: &Step, expected: &str, got: &str) -> Failure {
    Failure {
        file: script.file.clone(),
        place: step.place.to_string(),
        step: step.written.clone(),
        expected: expected.to_owned(),
        got: got.to_owned(),
    }
}

fn nothing((): ()) -> String {
    String::new()
}

fn shown(screen: &Screen) -> String {
    let text = on_one_line(&screen.text);
    if screen.open {
        text
    } else {
        format!("END {text}")
    }
}
