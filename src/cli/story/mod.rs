//! One rider's story, played over HTTP on the simulated phones and shown as it happens: `make demo ONCE=1`.
//!
//! Amina pays 200 into her stage's welfare fund, holds the receipt, and asks whether it is genuine. Then somebody new
//! joins, pays the fee, is approved and welcomed. Then she calls for help, nobody answers, the alarm climbs, and somebody
//! comes. Every step says what must come; the first that does not ends the story.

mod alarm;
mod phone;
mod scene;

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::primitives::Money;
use crate::telemetry::canary::Canaries;
use phone::Phone;
use scene::Scene;

const AMINA: &str = "254711000001";
const NEWCOMER: &str = "254711000009";
const CODE: &str = "*384*123#";
const SHORT_CODE: &str = "22384";
const PIN: &str = "4826";
const NEW_PIN: &str = "5937";
const NATIONAL_ID: &str = "31456782";

// What is typed, in one place: the menus decide the digits.

/// From a dial to the end of a contribution of 200.
const CONTRIBUTE: [Step; 3] = [
    typed("2", "contribute", &["kencom"]),
    typed("200", "two hundred shillings", &["200", "pin"]),
    secret(PIN, "her KwaStage PIN", &["200"]),
];

/// From a dial to the standing, behind the PIN.
const STANDING: [Step; 2] = [
    typed("1", "my balances", &["pin"]),
    secret(PIN, "her KwaStage PIN", &["welfare", "kencom"]),
];

/// From a dial to the end of joining.
const JOIN: [Step; 12] = [
    typed("1", "join", &["english"]),
    typed("1", "in English", &["agree"]),
    typed("1", "yes to what is kept of him", &["name"]),
    typed("Baraka Otieno", "his names", &["id"]),
    typed(NATIONAL_ID, "his national id", &["stage"]),
    typed("101", "the code of his stage", &["kencom"]),
    typed("Achieng Otieno", "who to call", &["phone"]),
    typed("0722000111", "their phone", &["achieng"]),
    typed("1", "his wife", &["pin"]),
    secret(NEW_PIN, "a PIN he chooses", &["again"]),
    secret(NEW_PIN, "the same again", &["baraka", "kencom", "200"]),
    typed("1", "all of that is right", &["200"]),
];

/// One input of a call: what is typed, what that means, and words the next screen must hold, written in small letters.
struct Step {
    keys: &'static str,
    told: &'static str,
    expects: &'static [&'static str],
    secret: bool,
}

const fn typed(keys: &'static str, told: &'static str, expects: &'static [&'static str]) -> Step {
    Step {
        keys,
        told,
        expects,
        secret: false,
    }
}

const fn secret(keys: &'static str, told: &'static str, expects: &'static [&'static str]) -> Step {
    Step {
        keys,
        told,
        expects,
        secret: true,
    }
}

/// One posting, for showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    pub journal: i64,
    pub kind: String,
    pub debit: String,
    pub credit: String,
    pub cents: i64,
}

/// Plays it all against the simulators at `url`. `settings` are the gateway's, for the commands staff would type;
/// `ledger_after` gives the postings of later journals than the one it is given.
///
/// # Errors
/// The first step that came out otherwise, with what was expected.
pub async fn play<Ledger>(
    url: &str,
    settings: &[(String, String)],
    ledger_after: Ledger,
) -> anyhow::Result<()>
where
    Ledger: AsyncFn(i64) -> anyhow::Result<Vec<LedgerLine>>,
{
    let mut books = Books {
        ledger_after,
        seen: 0,
    };
    books.skip_to_now().await?;
    amina_contributes(url, &mut books).await?;
    somebody_joins(url, settings, &mut books).await?;
    alarm::raised_and_answered(url).await
}

/// Reads the gateway's log of the whole story: no PIN, no id, no whole phone number may stand in it.
///
/// # Errors
/// One does, in these lines; or there is no log.
pub fn find_no_secret_in(folder: &Path) -> anyhow::Result<()> {
    let planted = Canaries {
        pins: vec![PIN.into(), NEW_PIN.into()],
        national_ids: vec![NATIONAL_ID.into()],
        ..Canaries::default()
    };
    let mut lines = 0;
    for file in fs::read_dir(folder).context("the gateway has left no log")? {
        let path = file?.path();
        let text = fs::read_to_string(&path)?;
        let leaks = planted.leaks_in(&text);
        ensure!(
            leaks.is_empty(),
            "{} tells secrets: {leaks:#?}",
            path.display()
        );
        lines += text.lines().count();
    }
    scene::curtain(lines);
    Ok(())
}

async fn amina_contributes<L: AsyncFn(i64) -> anyhow::Result<Vec<LedgerLine>>>(
    url: &str,
    books: &mut Books<L>,
) -> anyhow::Result<()> {
    let mut amina = Phone::pick_up(url, AMINA, Scene::of("Amina", AMINA)).await?;
    amina
        .scene
        .title("Amina pays 200 into the welfare fund of her stage");
    amina.dial(CODE, &["amina"]).await?;
    walk(&mut amina, &CONTRIBUTE, true).await?;
    amina.approve(&["200"]).await?;
    let receipt = amina.await_message(&["200", "code"]).await?;
    books.expect(200).await?;

    amina.scene.title("She asks whether the receipt is genuine");
    let code = check_code(&receipt).with_context(|| format!("no check code in {receipt:?}"))?;
    amina.text(SHORT_CODE, &code).await?;
    amina.await_message(&["genuine", "200"]).await?;

    amina.scene.title("She looks at her standing");
    amina.dial(CODE, &["amina"]).await?;
    walk(&mut amina, &STANDING, false).await?;
    amina.hang_up().await
}

async fn somebody_joins<L: AsyncFn(i64) -> anyhow::Result<Vec<LedgerLine>>>(
    url: &str,
    settings: &[(String, String)],
    books: &mut Books<L>,
) -> anyhow::Result<()> {
    let mut newcomer = Phone::pick_up(url, NEWCOMER, Scene::of("Baraka", NEWCOMER)).await?;
    newcomer
        .scene
        .title("Baraka, whom nobody knows yet, joins and pays the fee");
    newcomer.dial(CODE, &["join"]).await?;
    walk(&mut newcomer, &JOIN, true).await?;
    newcomer.approve(&["200"]).await?;
    newcomer.await_message(&["200", "code"]).await?;
    books.expect(200).await?;

    newcomer.scene.title("The office approves him");
    approve_at_the_desk(&newcomer.scene, settings).await?;
    newcomer.await_message(&["kts-"]).await?;
    newcomer.dial(CODE, &["baraka"]).await?;
    newcomer.hang_up().await
}

/// Types one after the other; with `to_its_end` the last screen must end the call, and no other may.
async fn walk(phone: &mut Phone, steps: &[Step], to_its_end: bool) -> anyhow::Result<()> {
    for (place, step) in steps.iter().enumerate() {
        phone
            .press(step, to_its_end && place + 1 == steps.len())
            .await?;
    }
    Ok(())
}

/// `kwastage members approve`, as a person would type it.
async fn approve_at_the_desk(scene: &Scene, settings: &[(String, String)]) -> anyhow::Result<()> {
    let arguments = ["members", "approve", NEWCOMER];
    scene.said("office", &format!("kwastage {}", arguments.join(" ")));
    let program = std::env::current_exe()?;
    let told = Command::new(program)
        .args(arguments)
        .envs(settings.iter().cloned())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&told.stdout);
    scene.said("office", said.trim());
    ensure!(
        told.status.success(),
        "members approve failed: {}",
        String::from_utf8_lossy(&told.stderr)
    );
    Ok(())
}

/// The word behind "Code" in a receipt, in capitals and digits: `... Code 7K3M.`
fn check_code(receipt: &str) -> Option<String> {
    let mut words = receipt
        .split_whitespace()
        .skip_while(|word| !word.trim_end_matches(':').eq_ignore_ascii_case("code"));
    let code = words
        .nth(1)?
        .trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let fits = code.len() >= 4
        && code
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    fits.then(|| code.to_owned())
}

/// The ledger as a spectator reads it.
struct Books<L> {
    ledger_after: L,
    seen: i64,
}

impl<L: AsyncFn(i64) -> anyhow::Result<Vec<LedgerLine>>> Books<L> {
    /// Turns past what the seed has written.
    async fn skip_to_now(&mut self) -> anyhow::Result<()> {
        self.turn().await.map(drop)
    }

    /// Shows what was written, and insists on one posting of so many shillings among it.
    async fn expect(&mut self, shillings: i64) -> anyhow::Result<()> {
        let lines = self.turn().await?;
        for line in &lines {
            scene::ledger(line);
        }
        let amount = Money::from_shillings(shillings);
        let found = lines
            .iter()
            .any(|line| Money::from_cents(line.cents) == amount);
        ensure!(
            found,
            "the ledger has no posting of KES {amount} for this: {lines:?}"
        );
        Ok(())
    }

    async fn turn(&mut self) -> anyhow::Result<Vec<LedgerLine>> {
        let lines = (self.ledger_after)(self.seen).await?;
        self.seen = lines
            .iter()
            .map(|line| line.journal)
            .max()
            .unwrap_or(self.seen);
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_code_is_found_however_the_receipt_is_worded() {
        assert_eq!(
            check_code("KES 200 received. Code 7K3M"),
            Some("7K3M".into())
        );
        assert_eq!(
            check_code("Paid KES 200. Code: 7K3MQ. Thank you."),
            Some("7K3MQ".into())
        );
        assert_eq!(check_code("Dial the code *384*123#"), None);
        assert_eq!(check_code("Thank you"), None);
    }
}
