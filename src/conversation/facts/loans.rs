//! What the screens of loans show.

use uuid::Uuid;

use crate::app::App;
use crate::conversation::caller::{Caller, CallingMember};
use crate::fault::Fault;
use crate::loans::{self, LoanId, Offered, ProductId, Stage, What, Why};
use crate::members::{self, MemberId};
use crate::menu::Supplied;
use crate::primitives::{Language, Money, nairobi_date};
use crate::welfare;

/// One of the facts that begin with `loan_`.
pub(super) async fn fetch(
    app: &App,
    caller: &Caller,
    member: &CallingMember,
    fact: &str,
    needs: &[(&str, String)],
) -> Result<Supplied, Fault> {
    let menus = app.menus.current();
    let language = caller
        .language()
        .unwrap_or_else(|| menus.default_language());
    let need = |name: &str| {
        needs
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value.as_str())
    };
    match fact {
        "loan_place" => place(app, member).await,
        "loan_limit" => limit(app, member).await,
        "loan_products" => products(app, language).await,
        "loan_terms" => terms(app, language, need("loan_product")).await,
        "loan_quote" => {
            let (amount, term) = (need("amount"), need("loan_term"));
            quote(app, language, need("loan_product"), amount, term).await
        }
        "loan_vouching" => vouching(app, member).await,
        "loan_vouch" => vouch(app, member, need("vouch_loan")).await,
        "loan_statement" => statement(app, member, language).await,
        other => Err(Fault::broken(format!("no query answers the fact {other}"))),
    }
}

async fn place(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let now = app.clock.now();
    let mut conn = app.pool.acquire().await?;
    let standing = loans::standing_of(&mut conn, member.id.0, now).await?;
    let asked = loans::asked_of(&mut conn, member.id.0, now).await?;
    let running = standing.as_ref().and_then(|one| one.running.as_ref());
    let late = running.map_or(Money::ZERO, |running| running.late);
    let (day, next) = running
        .and_then(|running| running.next)
        .unwrap_or((nairobi_date(now), Money::ZERO));
    let due = if late.is_positive() { late } else { next };
    let number = standing
        .as_ref()
        .map_or_else(String::new, |one| one.loan.number.to_string());
    let money = |of: Option<Money>| of.unwrap_or_default().as_decimal();
    let waits = standing
        .as_ref()
        .is_some_and(|one| matches!(one.loan.stage, Stage::Asked { .. } | Stage::Ready { .. }));
    let is_asked = standing
        .as_ref()
        .is_some_and(|one| matches!(one.loan.stage, Stage::Asked { .. }));
    Ok(Supplied::default()
        .value("loan_no", number)
        .value("loan_left", money(running.map(|running| running.payoff)))
        .value("loan_due", due.as_decimal())
        .value("loan_day", day)
        .value(
            "loan_principal",
            money(standing.as_ref().map(|one| one.loan.agreed.principal)),
        )
        .value(
            "loan_pledged",
            money(standing.as_ref().map(|one| one.pledged)),
        )
        .condition("loan_runs", running.is_some())
        .condition("loan_late", late.is_positive())
        .condition("loan_asked", is_asked)
        .condition("loan_waits", waits)
        .condition("vouch_asked", !asked.is_empty()))
}

async fn limit(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let now = app.clock.now();
    let mut conn = app.pool.acquire().await?;
    let may = loans::limit_of(&mut conn, &app.loan_rules(), member.id.0, now).await?;
    let history = welfare::history_of(&mut conn, member.id.0).await?;
    let (mut percent, mut held, mut lacks, mut from) =
        (0, Money::ZERO, Money::ZERO, nairobi_date(now));
    match may.why {
        Why::Contributions { percent: counted } => percent = counted,
        Why::LessGuarantees {
            percent: counted,
            held: others,
        } => (percent, held) = (counted, others),
        Why::TooShort { until } => from = nairobi_date(until),
        Why::TooLittle { least } => lacks = least,
        Why::BehindWithFund { by } => lacks = by,
        Why::NeverContributed => lacks = app.loan_rules().limit.contributed_least,
        Why::HasLoan | Why::WrittenOff => {}
    }
    Ok(Supplied::default()
        .value("loan_limit", may.amount.as_decimal())
        .value("loan_percent", percent)
        .value("loan_saved", history.contributed.as_decimal())
        .value("loan_held", held.as_decimal())
        .value("loan_lacks", lacks.as_decimal())
        .value("loan_from", from)
        .condition("limit_ok", percent > 0)
        .condition("limit_held", held.is_positive())
        .condition("limit_has_loan", may.why == Why::HasLoan)
        .condition(
            "limit_behind",
            matches!(may.why, Why::BehindWithFund { .. }),
        )
        .condition("limit_too_short", matches!(may.why, Why::TooShort { .. }))
        .condition(
            "limit_too_little",
            matches!(may.why, Why::TooLittle { .. } | Why::NeverContributed),
        ))
}

async fn products(app: &App, language: Language) -> Result<Supplied, Fault> {
    let offers = loans::offers(&mut *app.pool.acquire().await?).await?;
    Ok(offers
        .into_iter()
        .fold(Supplied::default(), |told, Offered { id, product, .. }| {
            let name = match language == Language::SWAHILI {
                true => product.name_sw.clone(),
                false => product.name_en.clone(),
            };
            let columns = [
                ("product_name", name),
                ("product_least", product.least.as_decimal().to_string()),
                ("product_most", product.most.as_decimal().to_string()),
            ];
            told.row(id.0, columns)
        }))
}

async fn picked(app: &App, product: &str) -> Result<Option<Offered>, Fault> {
    let id = product
        .parse()
        .map(ProductId)
        .map_err(|_| Fault::broken("a product was picked that is none"))?;
    let offers = loans::offers(&mut *app.pool.acquire().await?).await?;
    Ok(offers.into_iter().find(|offered| offered.id == id))
}

async fn terms(app: &App, language: Language, product: &str) -> Result<Supplied, Fault> {
    let Some(Offered { product, .. }) = picked(app, product).await? else {
        return Ok(Supplied::default());
    };
    let unit = phrase(app, product.period.as_str(), language);
    Ok(product
        .terms
        .iter()
        .fold(Supplied::default(), |told, count| {
            let columns = [
                ("term_count", count.to_string()),
                ("term_unit", unit.clone()),
            ];
            told.row(count, columns)
        }))
}

async fn quote(
    app: &App,
    language: Language,
    product: &str,
    amount: &str,
    term: &str,
) -> Result<Supplied, Fault> {
    let unread = || Fault::broken("a loan was asked for that is none");
    // Whoever agrees to one that is not offered any more is told so then.
    let Offered { product, .. } = picked(app, product).await?.ok_or_else(unread)?;
    let principal = Money::parse_typed(amount).map_err(|_| unread())?;
    let count = term.parse().map_err(|_| unread())?;
    let quote = product.quote(principal, count, nairobi_date(app.clock.now()));
    Ok(Supplied::default()
        .value("quote_fee", quote.fee.as_decimal())
        .value("quote_net", quote.received().as_decimal())
        .value("quote_interest", quote.interest.as_decimal())
        .value("quote_total", quote.total().as_decimal())
        .value("quote_count", quote.instalments)
        .value("quote_unit", phrase(app, product.period.as_str(), language))
        .value("quote_each", quote.each.as_decimal())
        .value("quote_last", quote.last.as_decimal())
        .value("quote_day", quote.first_due))
}

async fn vouching(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let mut told = Supplied::default();
    for asked in loans::asked_of(&mut conn, member.id.0, app.clock.now()).await? {
        let columns = [
            ("vouch_name", borrower(&mut conn, asked.borrower).await?),
            ("vouch_amount", asked.asked.as_decimal().to_string()),
        ];
        told = told.row(asked.loan.0, columns);
    }
    Ok(told)
}

/// One request; nothing of one that is over, whose answer says so.
async fn vouch(app: &App, member: &CallingMember, loan: &str) -> Result<Supplied, Fault> {
    let loan = Uuid::parse_str(loan).map(LoanId);
    let loan = loan.map_err(|_| Fault::broken("a request was picked that is none"))?;
    let mut conn = app.pool.acquire().await?;
    let asked = loans::asked_of(&mut conn, member.id.0, app.clock.now()).await?;
    let Some(asked) = asked.into_iter().find(|asked| asked.loan == loan) else {
        return Ok(Supplied::default()
            .value("vouch_name", "?")
            .value("vouch_amount", 0)
            .value("vouch_principal", 0));
    };
    Ok(Supplied::default()
        .value("vouch_name", borrower(&mut conn, asked.borrower).await?)
        .value("vouch_amount", asked.asked.as_decimal())
        .value("vouch_principal", asked.principal.as_decimal()))
}

async fn borrower(conn: &mut sqlx::PgConnection, member: Uuid) -> Result<String, Fault> {
    let member = members::load(conn, MemberId(member)).await?;
    Ok(member.map_or_else(String::new, |member| loans::short_name(&member)))
}

async fn statement(
    app: &App,
    member: &CallingMember,
    language: Language,
) -> Result<Supplied, Fault> {
    let entries = loans::statement_of(&mut *app.pool.acquire().await?, member.id.0).await?;
    Ok(entries
        .into_iter()
        .fold(Supplied::default(), |told, entry| {
            let (name, amount) = match entry.what {
                What::Lent => ("lent", entry.amount),
                What::Fee => ("fee", entry.amount),
                What::PaidFromWallet | What::PaidByMpesa => ("paid", -entry.amount),
                What::Penalty => ("penalty", entry.amount),
                What::Waived => ("waived", -entry.amount),
                What::WrittenOff => ("written_off", -entry.amount),
            };
            let columns = [
                ("day", nairobi_date(entry.at).to_string()),
                ("loan_entry", phrase(app, name, language)),
                ("moved", amount.as_decimal().to_string()),
            ];
            told.row("", columns)
        }))
}

fn phrase(app: &App, name: &str, language: Language) -> String {
    let menus = app.menus.current();
    menus.phrase(&format!("loan.{name}"), language).to_owned()
}
