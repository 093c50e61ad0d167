//! Giving the menus what they want, until they want nothing.
//!
//! A question that no PIN was typed for is answered anew whenever it is asked. A deed, and whatever was shown a PIN,
//! happens once for a session and step: its outcome is kept in Postgres and given again.

mod coordinator;
mod dues;
mod emergency;
mod insurance;
mod joining;
mod loans;
mod money;
mod notices;
mod payouts;
mod plans;
mod recovery;
mod settings;
mod spooling;
mod wallet;

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};

use super::Turn;
use super::caller::{Caller, CallingMember};
use super::deeds::{self, Claim};
use super::facts;
use super::intent::{Deed, Intent, Question, Recovering, What};
use crate::app::App;
use crate::contributing::Destination;
use crate::fault::Fault;
use crate::members::{self, MemberId, PinAnswer};
use crate::menu::{self, Asked, Menus, Moved, Outcome, Session, Wants};
use crate::primitives::Secret;
use crate::spool::Report;
use crate::work::{Actor, Work};

/// Wrong PINs are counted for this way in.
const PIN_ROUTE: &str = "ussd";

/// One hop's hands: what it may use and on whose behalf.
pub(super) struct Performer<'a> {
    pub app: &'a App,
    pub menus: &'a Menus,
    pub turn: &'a Turn,
    pub caller: &'a Caller,
    /// The session was lost, so this very step may have been done before.
    pub may_be_repeat: bool,
    /// Becomes true when the member's PIN was asked for and was right, now or, in a session rebuilt, before.
    pub proved: AtomicBool,
}

impl Performer<'_> {
    /// Fetches and performs until the screen can be shown. `step` names the deed.
    pub async fn settle(&self, mut moved: Moved, step: u16) -> Result<Session, Fault> {
        loop {
            moved = match moved.wants {
                Wants::Nothing => return Ok(moved.session),
                Wants::Facts { fact, needs } => {
                    let facts =
                        facts::fetch(self.app, self.turn, self.caller, fact, &needs).await?;
                    menu::supply(self.menus, moved.session, facts)
                }
                Wants::Deed(asked) => {
                    menu::resolve(self.menus, moved.session, self.perform(asked, step).await?)
                }
            };
        }
    }

    /// Takes inputs as digits dialled behind the code: they lead somewhere and stop in front of whatever needs a person's
    /// yes. What comes behind such a stop is dropped, yet counted, so that later deeds keep their names.
    pub async fn walk<'i>(
        &self,
        mut session: Session,
        mut step: u16,
        inputs: impl Iterator<Item = &'i str>,
    ) -> Result<(Session, u16), Fault> {
        let mut stopped = false;
        for input in inputs {
            step = step.saturating_add(1);
            if stopped {
                continue;
            }
            let moved = menu::decide_dialled(self.menus, session, input);
            stopped = moved.heard.is_none();
            session = self.settle(moved, step).await?;
        }
        Ok((session, step))
    }

    /// As [`Performer::settle`] for a step long past: what was done is recalled and never done. `None` when the step's
    /// deed never was.
    pub async fn replay(&self, mut moved: Moved, step: u16) -> Result<Option<Session>, Fault> {
        loop {
            moved = match moved.wants {
                Wants::Nothing => return Ok(Some(moved.session)),
                Wants::Facts { fact, needs } => {
                    let facts =
                        facts::fetch(self.app, self.turn, self.caller, fact, &needs).await?;
                    menu::supply(self.menus, moved.session, facts)
                }
                Wants::Deed(asked) => {
                    let name = asked.intent;
                    let typed_a_pin = asked.secret.is_some();
                    let intent = Intent::read(asked)?;
                    let report = spooling::report(self, &intent.what, step);
                    let asked_pin = intent.pin.is_some();
                    let outcome = match (intent.what, report) {
                        (What::Question(question), _) if !typed_a_pin => {
                            Some(self.answer(question).await?)
                        }
                        // Perhaps only the spool knows of it; its id makes one of the two.
                        (what, Some(report)) => {
                            let intent = Intent { pin: None, what };
                            Some(self.report(intent, report, name, step).await)
                        }
                        (_, None) => self.recall(name, step).await?,
                    };
                    if let Some(outcome) = &outcome {
                        self.note_proof(asked_pin, outcome);
                    }
                    match outcome {
                        Some(outcome) => menu::resolve(self.menus, moved.session, outcome),
                        None => return Ok(None),
                    }
                }
            };
        }
    }

    async fn perform(&self, asked: Asked, step: u16) -> Result<Outcome, Fault> {
        let name = asked.intent;
        let typed_a_pin = asked.secret.is_some();
        let intent = Intent::read(asked)?;
        let Some(report) = spooling::report(self, &intent.what, step) else {
            return self.perform_once(intent, name, typed_a_pin, step).await;
        };
        Ok(self.report(intent, report, name, step).await)
    }

    /// As [`Performer::perform_once`] for what is told in an emergency. It cannot fail, and done again it is the same.
    async fn report(
        &self,
        intent: Intent,
        report: Report,
        name: &'static str,
        step: u16,
    ) -> Outcome {
        if spooling::belongs_into_spool(self.app, &report) {
            return spooling::take(self.app, report).await;
        }
        let performing = self.perform_once(intent, name, false, step);
        match spooling::in_time(self.app, performing).await {
            Ok(outcome) => outcome,
            Err(fault) => {
                tracing::error!(%fault, "Postgres could not take an emergency");
                spooling::take(self.app, report).await
            }
        }
    }

    async fn perform_once(
        &self,
        intent: Intent,
        name: &'static str,
        typed_a_pin: bool,
        step: u16,
    ) -> Result<Outcome, Fault> {
        let is_kept = typed_a_pin || !matches!(intent.what, What::Question(_));
        // An alarm asks nothing of the database before it is raised; raising it twice is found out there.
        let is_alarm = matches!(intent.what, What::Deed(Deed::RaiseEmergency { .. }));
        if is_kept
            && self.may_be_repeat
            && !is_alarm
            && let Some(outcome) = self.recall(name, step).await?
        {
            self.note_proof(intent.pin.is_some(), &outcome);
            return Ok(outcome);
        }
        if let Some(pin) = intent.pin {
            if let Some(refusal) = self.refusal_of(pin).await? {
                return self.note(name, step, refusal).await;
            }
            self.proved.store(true, Ordering::Relaxed);
        }
        match intent.what {
            What::Question(question) => {
                let outcome = self.answer(question).await?;
                if is_kept {
                    self.note(name, step, outcome).await
                } else {
                    Ok(outcome)
                }
            }
            What::Deed(deed) => self.act(deed, name, step).await,
            What::StopAlarm(pin) => emergency::stop(self, pin, name, step).await,
            What::ClaimNumber(claiming) => recovery::claim(self, claiming, name, step).await,
        }
    }

    /// The one list of what a phone can ask.
    async fn answer(&self, question: Question) -> Result<Outcome, Fault> {
        match question {
            Question::CheckNames(names) => Ok(joining::check_names(&names)),
            Question::CheckKinName(name) => Ok(joining::check_kin_name(&name)),
            Question::CheckNationalId(id) => joining::check_national_id(self, &id).await,
            Question::FindStage(code) => joining::find_stage(self, &code).await,
            Question::ChoosePin { national_id, pin } => {
                joining::choose_pin(self, national_id, pin).await
            }
            Question::RepeatPin { chosen, pin } => joining::repeat_pin(self, chosen, pin).await,
            Question::FindRecipient(typed) => wallet::find_recipient(self, &typed).await,
            Question::WeighWithdrawal(amount) => payouts::weigh(self, amount).await,
            Question::FindDebtor(typed) => plans::find_debtor(self, &typed).await,
            Question::LoanAmount { product, amount } => {
                loans::check_amount(self, product, amount).await
            }
            Question::ProvePin => Ok(Outcome::new("right")),
            Question::Balances => money::balances(self).await,
        }
    }

    /// The one list of what a phone can do.
    async fn act(&self, deed: Deed, name: &'static str, step: u16) -> Result<Outcome, Fault> {
        // Hashing takes a millisecond and does not belong into a transaction.
        if let Deed::ChangePin { chosen, pin }
        | Deed::Recover(Recovering::ChooseNewPin { chosen, pin }) = &deed
            && let Some(refusal) = settings::differs(self, chosen, pin).await?
        {
            return self.note(name, step, refusal).await;
        }
        let actor = self
            .caller
            .member
            .as_ref()
            .map_or(Actor::Caller, |member| Actor::Member { id: member.id.0 });
        let mut work = Work::begin(&self.app.pool, self.app.clock.now(), actor).await?;
        if let Claim::Done(outcome) =
            deeds::claim(&mut work, &self.turn.session, step, &self.turn.msisdn, name).await?
        {
            return Ok(outcome);
        }
        let key = format!("{}:{step}", self.turn.session.as_str());
        let outcome = match deed {
            Deed::ChooseLanguage(language) => {
                settings::choose_language(self, &mut work, language).await
            }
            Deed::SendHelp => settings::send_help(self, &mut work).await,
            Deed::Join(joining) => joining::join(self, &mut work, *joining, key).await,
            Deed::PayFee => joining::pay_fee(self, &mut work, key).await,
            Deed::Contribute(amount) => {
                money::pay_in(self, &mut work, Destination::Fund, amount, key).await
            }
            Deed::LookUpReceipt(typed) => money::look_up_receipt(self, &mut work, &typed).await,
            Deed::ChangePin { chosen, .. } => settings::change_pin(self, &mut work, chosen).await,
            Deed::ChangeKin(kin) => settings::change_kin(self, &mut work, &kin).await,
            Deed::DraftBroadcast { to_sacco, words } => {
                notices::draft(self, &mut work, to_sacco, &words, key).await
            }
            Deed::SendDraft(id) => notices::send(self, &mut work, id).await,
            Deed::DecidePost { number, verdict } => {
                notices::decide(self, &mut work, number, verdict).await
            }
            Deed::TopUp(amount) => {
                money::pay_in(self, &mut work, Destination::Wallet, amount, key).await
            }
            Deed::SendMoney { to, amount } => wallet::send(self, &mut work, to, amount, &key).await,
            Deed::ContributeFromWallet(amount) => {
                wallet::contribute(self, &mut work, amount, &key).await
            }
            Deed::Withdraw(amount) => payouts::withdraw(self, &mut work, amount, &key).await,
            Deed::RaiseEmergency { silent } => {
                emergency::raise(self, &mut work, spooling::id(self, step), silent).await
            }
            Deed::TellEmergencyKind(kind) => emergency::tell_kind(self, &mut work, kind).await,
            Deed::TellEmergencyInjured(injured) => {
                emergency::tell_injured(self, &mut work, injured).await
            }
            Deed::TellEmergencyPlace(place) => emergency::tell_place(self, &mut work, &place).await,
            Deed::Lend(asked) => loans::act(self, &mut work, asked, key).await,
            Deed::Coordinate(asked) => coordinator::act(self, &mut work, asked).await,
            Deed::Recover(asked) => recovery::act(self, &mut work, asked, &key).await,
            Deed::PayDue(paying) => dues::pay(self, &mut work, paying, key).await,
            Deed::Plan(asked) => plans::act(self, &mut work, asked, &key).await,
            Deed::Insure(asked) => insurance::act(self, &mut work, asked, &key).await,
            Deed::SaySafe => emergency::say_safe(self, &mut work).await,
            Deed::OfferHelp(helping) => settings::offer_help(self, &mut work, helping).await,
        }?;
        deeds::keep(&mut work, &self.turn.session, step, &outcome).await?;
        work.commit().await?;
        Ok(outcome)
    }

    /// Why this PIN does not open the member's door, as the outcome every door has; `None` when it does.
    async fn refusal_of(&self, pin: Secret) -> Result<Option<Outcome>, Fault> {
        let member = self.member()?;
        let now = self.app.clock.now();
        let answer = members::check_pin(
            &self.app.pool,
            &self.app.pins,
            member.id,
            PIN_ROUTE,
            pin,
            now,
        )
        .await?;
        self.refused(answer, member.id, now).await
    }

    /// What every door says to a PIN that is not right.
    async fn refused(
        &self,
        answer: PinAnswer,
        member: MemberId,
        now: DateTime<Utc>,
    ) -> Result<Option<Outcome>, Fault> {
        Ok(match answer {
            PinAnswer::Right => None,
            PinAnswer::Wrong { tries_left } => {
                Some(Outcome::new("wrong_pin").value("tries_left", tries_left))
            }
            PinAnswer::Locked { until } => {
                let minutes = ((until - now).num_seconds() + 59).div_euclid(60).max(1);
                settings::tell_of_lock(self, member, until, minutes).await?;
                Some(Outcome::new("locked").value("wait_minutes", minutes))
            }
            PinAnswer::Busy => Some(Outcome::new("busy")),
        })
    }

    /// An outcome that is none of a wrong PIN's tells that the PIN was right.
    fn note_proof(&self, was_asked: bool, outcome: &Outcome) {
        if was_asked && !["wrong_pin", "locked", "busy"].contains(&outcome.name.as_ref()) {
            self.proved.store(true, Ordering::Relaxed);
        }
    }

    async fn recall(&self, name: &'static str, step: u16) -> Result<Option<Outcome>, Fault> {
        let mut conn = self.app.pool.acquire().await?;
        deeds::recall(&mut conn, &self.turn.session, step, &self.turn.msisdn, name).await
    }

    /// Keeps an outcome that changed nothing else. A twin's outcome, if it was faster, is the one that counts.
    async fn note(
        &self,
        name: &'static str,
        step: u16,
        outcome: Outcome,
    ) -> Result<Outcome, Fault> {
        let mut conn = self.app.pool.acquire().await?;
        let (turn, now) = (self.turn, self.app.clock.now());
        deeds::note(
            &mut conn,
            &turn.session,
            step,
            &turn.msisdn,
            name,
            outcome,
            now,
        )
        .await
    }

    fn member(&self) -> Result<&CallingMember, Fault> {
        self.caller
            .member
            .as_ref()
            .ok_or_else(|| Fault::broken("a member's deed was asked by a caller who is none"))
    }
}
