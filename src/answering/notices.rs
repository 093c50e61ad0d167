//! What is answered to `TELL`, `POST` and an official's `NO 7`.

use super::Text;
use crate::app::App;
use crate::broadcasts::{
    self, Asked, DecideError, Decided, Draft, DraftError, PostError, Verdict, Wording,
    WordingRefused,
};
use crate::fault::Fault;
use crate::messages::Values;
use crate::messages::inbox::Inbound;
use crate::primitives::Msisdn;
use crate::work::Work;

/// What was understood, and the template with its values.
type Said = (&'static str, &'static str, Values);

/// Does what a text asks about broadcasts; `None` when it asks for something else.
pub(super) async fn answer(work: &mut Work, text: &Text<'_>) -> Result<Option<Said>, Fault> {
    let Text {
        app, inbound, from, ..
    } = text;
    let Some(asked) = broadcasts::read(&inbound.text) else {
        return Ok(None);
    };
    match asked {
        Asked::Tell(words) => tell(app, work, inbound, from, &words).await.map(Some),
        Asked::Post(words) => post(app, work, inbound, from, &words).await.map(Some),
        Asked::Decide(number, verdict) => decide(app, work, from, number, verdict).await,
    }
}

/// A draft: an SMS must not carry a PIN, so the yes is dialled.
async fn tell(
    app: &App,
    work: &mut Work,
    inbound: &Inbound,
    from: &Msisdn,
    words: &str,
) -> Result<Said, Fault> {
    let wording = match Wording::parse(words) {
        Ok(wording) => wording,
        Err(refused) => return Ok(refused_wording("tell", "broadcast.how", refused)),
    };
    let draft = Draft {
        key: format!("inbox:{}", inbound.id),
        to_sacco: false,
        words: wording,
    };
    let rules = app.broadcast_rules();
    let (template, values) =
        match broadcasts::draft(work, &rules, &app.templates, from, draft).await {
            Ok(preview) => (
                "broadcast.drafted",
                Values::new()
                    .count("people", preview.recipients)
                    .count("segments", preview.segments)
                    .money("cost", preview.cost),
            ),
            Err(DraftError::NotAnOfficial) => ("broadcast.officials_only", Values::new()),
            Err(DraftError::Nobody) => ("broadcast.nobody", Values::new()),
            Err(DraftError::TooManyToday { max }) => {
                ("broadcast.too_many", Values::new().count("max", max))
            }
            Err(DraftError::Fault(fault)) => return Err(fault),
        };
    Ok(("tell", template, values))
}

async fn post(
    app: &App,
    work: &mut Work,
    inbound: &Inbound,
    from: &Msisdn,
    words: &str,
) -> Result<Said, Fault> {
    let key = format!("inbox:{}", inbound.id);
    let rules = app.broadcast_rules();
    let (template, values) = match broadcasts::post(work, &rules, from, words, &key).await {
        Ok(_posted) => ("post.received", Values::new()),
        Err(PostError::Wording(refused)) => {
            return Ok(refused_wording("post", "post.how", refused));
        }
        Err(PostError::NotAMember) => ("post.members_only", Values::new()),
        Err(PostError::IsAnOfficial) => ("broadcast.how", Values::new()),
        Err(PostError::NobodyToAsk) => ("post.nobody_to_ask", Values::new()),
        Err(PostError::TooManyToday { max }) => ("post.too_many", Values::new().count("max", max)),
        Err(PostError::Fault(fault)) => return Err(fault),
    };
    Ok(("post", template, values))
}

/// From anybody but an official `NO 7` is no business of ours.
async fn decide(
    app: &App,
    work: &mut Work,
    from: &Msisdn,
    number: u32,
    verdict: Verdict,
) -> Result<Option<Said>, Fault> {
    let rules = app.broadcast_rules();
    let decided = broadcasts::decide(work, &rules, &app.templates, from, number, verdict).await;
    let (template, values) = match decided {
        Ok(Decided::PutUp { recipients }) => (
            "post.you_put_up",
            Values::new()
                .count("number", number)
                .count("people", recipients),
        ),
        Ok(Decided::Refused) => ("post.you_refused", Values::new().count("number", number)),
        Ok(Decided::Already) => ("post.already", Values::new().count("number", number)),
        Err(DecideError::NotFound) if verdict == Verdict::PutUp => {
            ("post.not_found", Values::new().count("number", number))
        }
        Err(DecideError::NotAnOfficial) if verdict == Verdict::PutUp => ("post.how", Values::new()),
        Err(DecideError::NotFound | DecideError::NotAnOfficial) => return Ok(None),
        Err(DecideError::Fault(fault)) => return Err(fault),
    };
    Ok(Some(("post_decided", template, values)))
}

fn refused_wording(understood: &'static str, how: &'static str, refused: WordingRefused) -> Said {
    match refused {
        WordingRefused::TooShort => (understood, how, Values::new()),
        WordingRefused::TooLong { max, came } => {
            let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let values = Values::new()
                .count("max", small(max))
                .count("over", small(came.saturating_sub(max)).min(9999));
            (understood, "broadcast.too_long", values)
        }
    }
}
