//! The stage of bare webhooks: any gateway that speaks Africa's Talking's USSD form, without simulators in between.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;

use super::script::{Answer, Trouble};
use super::stage::{Hooks, Screen, Stage, StageError};

/// The network gives up on an application after this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Phones that only have USSD, each dial a new session.
pub struct Wire {
    ussd_url: String,
    end_url: Option<String>,
    /// The code registered at the vendor: what is dialled behind it arrives as the first text.
    service_code: Option<String>,
    hooks: Hooks,
    http: reqwest::Client,
    sessions: BTreeMap<String, Session>,
}

struct Session {
    id: String,
    service_code: String,
    inputs: Vec<String>,
    open: bool,
}

impl Wire {
    /// Aims at one webhook, such as `http://127.0.0.1:8080/at/demo/ussd`.
    pub fn new(ussd_url: impl Into<String>) -> Wire {
        Wire {
            ussd_url: ussd_url.into(),
            end_url: None,
            service_code: None,
            hooks: Hooks::none(),
            http: reqwest::Client::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// Also posts the notice of a session's end.
    pub fn with_end_notices(mut self, url: impl Into<String>) -> Wire {
        self.end_url = Some(url.into());
        self
    }

    /// Splits what is dialled behind this code off as the first text.
    pub fn with_service_code(mut self, code: impl Into<String>) -> Wire {
        self.service_code = Some(code.into());
        self
    }

    pub fn with_hooks(mut self, hooks: Hooks) -> Wire {
        self.hooks = hooks;
        self
    }

    fn session(&mut self, msisdn: &str) -> Result<&mut Session, StageError> {
        self.sessions
            .get_mut(msisdn)
            .ok_or(StageError::Unable("this phone has not dialled"))
    }

    /// Posts the session as it stands and reads the screen.
    async fn hop(&mut self, msisdn: &str) -> Result<Screen, StageError> {
        let session = self.session(msisdn)?;
        let fields = [
            ("phoneNumber", format!("+{msisdn}")),
            ("serviceCode", session.service_code.clone()),
            ("text", session.inputs.join("*")),
            ("sessionId", session.id.clone()),
            ("networkCode", "63902".to_owned()),
        ];
        let answer = self
            .http
            .post(&self.ussd_url)
            .timeout(ANSWER_LIMIT)
            .form(&fields)
            .send()
            .await?;
        let status = answer.status();
        let body = answer.text().await?;
        let screen = read(status.as_u16(), &body)?;
        self.session(msisdn)?.open = screen.open;
        Ok(screen)
    }

    async fn end_notice(&self, msisdn: &str, status: &str) -> Result<(), StageError> {
        let (Some(url), Some(session)) = (&self.end_url, self.sessions.get(msisdn)) else {
            return Ok(());
        };
        let fields = [
            ("date", Utc::now().format("%Y-%m-%d %H:%M:%S").to_string()),
            ("sessionId", session.id.clone()),
            ("serviceCode", session.service_code.clone()),
            ("networkCode", "63902".to_owned()),
            ("phoneNumber", format!("+{msisdn}")),
            ("status", status.to_owned()),
            ("cost", "0".to_owned()),
            ("durationInMillis", "1000".to_owned()),
            ("hopsCount", (session.inputs.len() + 1).to_string()),
            ("input", session.inputs.join("*")),
        ];
        let answer = self
            .http
            .post(url)
            .timeout(ANSWER_LIMIT)
            .form(&fields)
            .send()
            .await?;
        Ok(_ = answer.error_for_status()?)
    }

    async fn tell_of_end(&self, msisdn: &str, screen: Screen) -> Result<Screen, StageError> {
        if !screen.open {
            self.end_notice(msisdn, "Success").await?;
        }
        Ok(screen)
    }
}

/// An answer as strictly as the vendor reads it: status 200, and `CON ` or `END ` before anything else.
fn read(status: u16, body: &str) -> anyhow::Result<Screen> {
    if status != 200 {
        bail!("the gateway answered with status {status}");
    }
    let screen = |text: &str, open| Screen {
        text: text.to_owned(),
        open,
    };
    let con = body.strip_prefix("CON ").map(|text| screen(text, true));
    con.or_else(|| body.strip_prefix("END ").map(|text| screen(text, false)))
        .with_context(|| {
            format!(
                "the gateway's answer starts with neither CON nor END: {:?}",
                body.chars().take(80).collect::<String>()
            )
        })
}

/// The code the vendor knows and the inputs dialled behind it.
fn split_code(dialled: &str, known: Option<&str>) -> (String, Vec<String>) {
    let behind = known.and_then(|known| {
        let rest = dialled
            .strip_suffix('#')?
            .strip_prefix(known.strip_suffix('#')?)?
            .strip_prefix('*')?;
        Some((
            known.to_owned(),
            rest.split('*').map(str::to_owned).collect(),
        ))
    });
    behind.unwrap_or_else(|| (dialled.to_owned(), Vec::new()))
}

impl Stage for Wire {
    async fn enter(&mut self, msisdn: &str) -> Result<(), StageError> {
        self.sessions.remove(msisdn);
        Ok(())
    }

    async fn dial(&mut self, msisdn: &str, code: &str) -> Result<Screen, StageError> {
        let (service_code, inputs) = split_code(code, self.service_code.as_deref());
        let id = format!("ATUid_{}", uuid::Uuid::new_v4().simple());
        self.sessions.insert(
            msisdn.to_owned(),
            Session {
                id,
                service_code,
                inputs,
                open: true,
            },
        );
        let screen = self.hop(msisdn).await?;
        self.tell_of_end(msisdn, screen).await
    }

    async fn reply(&mut self, msisdn: &str, keys: &str) -> Result<Screen, StageError> {
        let session = self.session(msisdn)?;
        if !session.open {
            return Err(StageError::Unable(
                "the session is over: there is nothing to type into",
            ));
        }
        session.inputs.push(keys.to_owned());
        let screen = self.hop(msisdn).await?;
        self.tell_of_end(msisdn, screen).await
    }

    async fn let_go(&mut self, msisdn: &str) -> Result<(), StageError> {
        self.session(msisdn)?.open = false;
        self.end_notice(msisdn, "Incomplete").await
    }

    async fn again(&mut self, msisdn: &str) -> Result<Screen, StageError> {
        self.hop(msisdn).await
    }

    async fn forget(&mut self, msisdn: &str) -> Result<(), StageError> {
        self.hooks.forget(msisdn).await
    }

    async fn pay_bill(&mut self, _: &str, _: u32, _: &str) -> Result<(), StageError> {
        Err(StageError::Unable("a gateway alone has no M-PESA"))
    }

    async fn desk(&mut self, words: &str) -> Result<(), StageError> {
        self.hooks.desk(words).await
    }

    async fn advance(&mut self, by: Duration) -> Result<(), StageError> {
        self.hooks.advance(by).await
    }

    async fn prompt(&mut self, _: &str, _: Answer) -> Result<Option<String>, StageError> {
        Err(SCREENS_ONLY)
    }

    async fn text(&mut self, _: &str, _: &str, _: &str) -> Result<(), StageError> {
        Err(SCREENS_ONLY)
    }

    async fn next_message(
        &mut self,
        _: &str,
        _: Option<&str>,
    ) -> Result<Option<String>, StageError> {
        Err(SCREENS_ONLY)
    }

    async fn message_left(&mut self, _: &str) -> Result<Option<String>, StageError> {
        Err(SCREENS_ONLY)
    }

    async fn pick_up(&mut self, _: &str) -> Result<Option<String>, StageError> {
        Err(SCREENS_ONLY)
    }

    async fn press(&mut self, _: &str, _: &str) -> Result<Option<String>, StageError> {
        Err(SCREENS_ONLY)
    }

    async fn ring(&mut self, _: &str, _: &str) -> Result<(), StageError> {
        Err(SCREENS_ONLY)
    }

    async fn rings(&mut self, _: &str) -> Result<bool, StageError> {
        Err(SCREENS_ONLY)
    }

    async fn trouble(&mut self, _: Option<&str>, _: &Trouble) -> Result<(), StageError> {
        Err(SCREENS_ONLY)
    }
}

const SCREENS_ONLY: StageError = StageError::Unable(
    "messages, calls, prompts and troubles need the simulators; name them with --url",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_begin_with_its_word() {
        assert_eq!(
            read(200, "CON Karibu\n1 Pay").unwrap(),
            Screen {
                text: "Karibu\n1 Pay".into(),
                open: true
            }
        );
        assert_eq!(
            read(200, "END Asante").unwrap(),
            Screen {
                text: "Asante".into(),
                open: false
            }
        );
        for (status, body) in [
            (500, "CON Karibu"),
            (200, " CON Karibu"),
            (200, "con Karibu"),
            (200, ""),
            (302, "END x"),
        ] {
            assert!(read(status, body).is_err(), "{status} {body:?}");
        }
    }

    #[test]
    fn digits_behind_the_code_are_the_first_text() {
        let code = Some("*384*123#");
        assert_eq!(
            split_code("*384*123*2*200#", code),
            ("*384*123#".into(), vec!["2".into(), "200".into()])
        );
        assert_eq!(split_code("*384*123#", code), ("*384*123#".into(), vec![]));
        assert_eq!(
            split_code("*384*1234*5#", code),
            ("*384*1234*5#".into(), vec![])
        );
        assert_eq!(split_code("*1*2#", None), ("*1*2#".into(), vec![]));
    }
}
