//! What each keyword is answered with. The one list of it.

use super::understand::Asked;
use super::{Answer, Text, alarm, cover, dues, fund, loans, money, recovery, standing};
use crate::fault::Fault;
use crate::messages::{self, Values};
use crate::work::Work;

/// The answer to a keyword, or a few words of help for what is none.
pub(super) async fn answer(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    let say = |understood, template| Ok(Answer::say(understood, template, Values::new()));
    match &text.meaning.asked {
        Asked::Balance => money::balance(work, text).await,
        Asked::Pay(amount) => money::pay(work, text, *amount).await,
        Asked::Receipt(code) => money::receipt(work, text, code).await,
        Asked::ReceiptWithoutCode => say("receipt", "receipt.no_code"),
        Asked::Status => standing::status(work, text).await,
        Asked::Join(stage) => standing::join(work, text, stage.as_deref()).await,
        Asked::Fund => fund::statement(work, text).await,
        Asked::StopAutomatic => fund::stop_automatic(work, text).await,
        Asked::Stop => {
            let now = work.now;
            messages::opt_out(work.conn(), &text.from, now, "sms").await?;
            say("stop", "promotions.stopped")
        }
        Asked::Start => {
            let now = work.now;
            messages::opt_in(work.conn(), &text.from, now, "sms").await?;
            say("start", "promotions.started")
        }
        Asked::Cancel => alarm::says_safe(work, text).await,
        Asked::Freeze => money::freeze(work, text).await,
        Asked::Withdraw(amount) => money::withdraw(work, text, *amount).await,
        Asked::NotMe => recovery::not_me(work, text).await,
        Asked::Renew => dues::renew(work, text).await,
        // Not to be had yet: what can be done today.
        Asked::Claim => say("claim", "later.claim"),
        Asked::Loan => loans::standing(work, text).await,
        Asked::Cover(code) => cover::check(work, text, code).await,
        Asked::Policy => say("policy", "cover.how"),
        Asked::OnTheMenu => say("menu", "help.by_phone"),
        Asked::Help => say("help", "help.menu"),
        // An alarm was answered before anybody came here.
        Asked::Yes | Asked::No | Asked::Unknown | Asked::Alarm(_) => {
            if let Some(again) = alarm::asked_again(work, text).await? {
                return Ok(again);
            }
            if matches!(text.meaning.asked, Asked::Yes | Asked::No)
                && let Some(answer) = loans::vouch_unasked(work, text).await?
            {
                return Ok(answer);
            }
            match text.meaning.asked {
                Asked::Yes | Asked::No => say("yes_no", "help.nothing_asked"),
                _ => say("unknown", "help.unknown"),
            }
        }
    }
}
