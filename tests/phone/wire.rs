//! Africa's Talking's side of the wire, request by request, for what no well-behaved phone would do.

use reqwest::StatusCode;

use crate::world::World;

/// One call, as the operator names it.
#[derive(Clone)]
pub struct Call {
    pub gateway: String,
    pub session: String,
    pub msisdn: String,
    pub http: reqwest::Client,
}

impl Call {
    pub fn new(world: &World, msisdn: &str) -> Call {
        Call {
            gateway: world.gateway.clone(),
            session: format!("ATUid_{}", uuid::Uuid::new_v4().simple()),
            msisdn: msisdn.to_owned(),
            http: world.http.clone(),
        }
    }

    /// The answer to everything typed so far, `CON ` or `END ` in front.
    pub async fn sends(&self, transcript: &str) -> String {
        let form = [
            ("sessionId", self.session.as_str()),
            ("phoneNumber", &format!("+{}", self.msisdn)),
            ("serviceCode", "*384*123#"),
            ("networkCode", "63902"),
            ("text", transcript),
        ];
        let answer = self
            .http
            .post(format!("{}/at/demo/ussd", self.gateway))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{transcript}");
        let text = answer.text().await.unwrap();
        assert!(
            text.starts_with("CON ") || text.starts_with("END "),
            "{transcript}: {text}"
        );
        text
    }
}
