//! `kwastage loans`: what staff decide about loans, and what lenders bring and offer.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Subcommand;

use super::members::begin;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::loans::{
    self, Age, Approval, Bucket, Funding, Loan, LoanNumber, Loss, Offer, Product, Reason, StageWord,
};
use crate::members::{self, MemberId};
use crate::primitives::{Money, StaffName, nairobi_date};
use crate::work::Work;

#[derive(Debug, Subcommand)]
pub enum Loans {
    /// Lists the requests that wait for staff and the loans that run, the oldest first.
    List {
        /// Only those in this stage: asked, ready, refused, expired, dropped, active, settled or written_off.
        #[arg(long)]
        stage: Option<String>,
    },
    /// Adds up what is late, by how old it is.
    Ageing,
    /// Shows one loan: terms, guarantors, instalments, movements.
    Show { number: String },
    /// Says yes. The money is in the borrower's wallet at once; above the product's limit a second person must say yes too.
    Approve {
        number: String,
        /// Who says so.
        #[arg(long)]
        by: String,
    },
    /// Says no; the borrower is told why.
    Refuse {
        number: String,
        reason: String,
        #[arg(long)]
        by: String,
    },
    /// Gives a loan up. It takes two people, one after the other.
    WriteOff {
        number: String,
        #[arg(long)]
        by: String,
    },
    /// Books money that a lender has brought to be lent.
    FundLender {
        /// The lender's code, such as BODA.
        lender: String,
        /// In shillings.
        amount: String,
        /// The bank's reference of the transfer: booked once, however often it is said.
        #[arg(long)]
        reference: String,
        #[arg(long)]
        by: String,
        /// Of a lender who is new.
        #[arg(long)]
        name: Option<String>,
    },
    /// Offers the product a TOML file describes, in place of the one under the same code.
    Offer { lender: String, file: PathBuf },
}

pub async fn run(config: Arc<Config>, asked: Loans) -> anyhow::Result<()> {
    let app = App::build(config, Clock::System).await?;
    let mut work = begin(&app).await?;
    let told = match asked {
        Loans::List { stage } => list(&mut work, stage.as_deref()).await?,
        Loans::Ageing => ageing(&mut work).await?,
        Loans::Show { number } => show(&mut work, parsed(&number)?).await?,
        Loans::Approve { number, by } => {
            let by = staff(&by)?;
            match loans::approve(&mut work, parsed(&number)?, &by).await? {
                (loan, Approval::Lend) => format!(
                    "{}: KES {} is in the wallet.",
                    loan.number, loan.agreed.principal
                ),
                (loan, Approval::NeedsAnother) => {
                    format!("{}: a second person must say yes too.", loan.number)
                }
            }
        }
        Loans::Refuse { number, reason, by } => {
            let reason = Reason::parse(&reason).context("the reason")?;
            let by = staff(&by)?;
            let loan = loans::refuse(&mut work, parsed(&number)?, &by, reason).await?;
            format!("{} is refused.", loan.number)
        }
        Loans::WriteOff { number, by } => {
            let by = staff(&by)?;
            match loans::write_off(&mut work, parsed(&number)?, &by).await? {
                (loan, Loss::WrittenOff) => format!("{} is written off.", loan.number),
                (loan, Loss::NeedsAnother) => {
                    format!("{}: a second person must say so too.", loan.number)
                }
            }
        }
        Loans::FundLender {
            lender,
            amount,
            reference,
            by,
            name,
        } => {
            let funding = Funding {
                amount: Money::parse_typed(&amount).context("the amount in shillings")?,
                by: staff(&by)?,
                lender,
                name,
                reference,
            };
            let lender = funding.lender.clone();
            let left = loans::fund(&mut work, funding).await?;
            format!("{lender} has KES {left} to lend.")
        }
        Loans::Offer { lender, file } => {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("reading {}", file.display()))?;
            let offer: Offer = toml::from_str(&text)?;
            let product = Product::check(offer)?;
            loans::offer(&mut work, &lender, &product).await?;
            format!("{} is offered from now on.", product.code)
        }
    };
    work.commit().await?;
    println!("{told}");
    Ok(())
}

async fn list(work: &mut Work, stage: Option<&str>) -> anyhow::Result<String> {
    let stages = match stage {
        Some(word) => vec![StageWord::parse(word).context("there is no such stage")?],
        None => vec![StageWord::Asked, StageWord::Ready, StageWord::Active],
    };
    let listed = loans::list(work, &stages).await?;
    let mut lines = Vec::with_capacity(listed.len());
    for (loan, age) in listed {
        let arrears = age.map_or_else(String::new, |age| arrears(&age));
        lines.push(format!("{}{arrears}", headline(work, &loan).await?));
    }
    ensure!(!lines.is_empty(), "there is none");
    Ok(lines.join("\n"))
}

async fn headline(work: &mut Work, loan: &Loan) -> anyhow::Result<String> {
    let member = members::load(work.conn(), MemberId(loan.member)).await?;
    let name = member.map_or_else(String::new, |member| loans::short_name(&member));
    Ok(format!(
        "{}  {}  {name}, KES {} in {}, asked {}",
        loan.number,
        loan.stage.word(),
        loan.agreed.principal,
        loan.agreed.instalments,
        nairobi_date(loan.asked_at).format("%d/%m/%Y")
    ))
}

fn arrears(age: &Age) -> String {
    format!(
        ", principal out KES {}, late KES {} ({})",
        age.principal_out,
        age.late,
        age.bucket.as_str()
    )
}

async fn ageing(work: &mut Work) -> anyhow::Result<String> {
    let running = loans::list(work, &[StageWord::Active]).await?;
    let lines = Bucket::ALL.map(|bucket| {
        let ages = running.iter().filter_map(|(_, age)| *age);
        let ages: Vec<Age> = ages.filter(|age| age.bucket == bucket).collect();
        let late: Money = ages.iter().map(|age| age.late).sum();
        let out: Money = ages.iter().map(|age| age.principal_out).sum();
        format!(
            "{:<13} {:>5} loans, principal out KES {out}, late KES {late}",
            bucket.as_str(),
            ages.len()
        )
    });
    Ok(lines.join("\n"))
}

async fn show(work: &mut Work, number: LoanNumber) -> anyhow::Result<String> {
    let file = loans::case_file(work, number).await?;
    let agreed = file.loan.agreed;
    let mut lines = vec![
        headline(work, &file.loan).await?,
        format!("interest KES {}, fee KES {}", agreed.interest, agreed.fee),
    ];
    for guarantee in &file.guarantees {
        let member = members::load(work.conn(), MemberId(guarantee.member)).await?;
        let name = member.map_or_else(String::new, |member| loans::short_name(&member));
        lines.push(format!(
            "guarantor {name}: {}, asked KES {}, holds KES {}",
            guarantee.state.as_str(),
            guarantee.asked,
            guarantee.held
        ));
    }
    let instalments = file.book.iter().flat_map(|book| &book.instalments);
    lines.extend(instalments.map(|one| {
        format!(
            "{:>3}  {}  KES {} of KES {} open",
            one.number,
            one.due_on.format("%d/%m/%Y"),
            one.open(),
            one.principal.charged + one.interest.charged + one.penalty.charged
        )
    }));
    lines.extend(file.entries.iter().rev().map(|entry| {
        let day = nairobi_date(entry.at).format("%d/%m/%Y");
        format!("{day}  {}  KES {}", entry.what.as_str(), entry.amount)
    }));
    Ok(lines.join("\n"))
}

fn parsed(number: &str) -> anyhow::Result<LoanNumber> {
    LoanNumber::parse(number).context("write the loan's number, such as L1001")
}

fn staff(name: &str) -> anyhow::Result<StaffName> {
    StaffName::parse(name).context("--by takes a name")
}
