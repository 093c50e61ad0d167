//! Every direct answer of Daraja's that is documented or was seen, and what it may be taken for.

use kwastage::integrations::mpesa::{
    Heard, TokenTrouble, push_answer, query_answer, register_answer, token_answer,
};
use kwastage::payments::{NoPrompt, Pace, PromptIds, PushAnswer, QueryAnswer, ResultCode};

const JSON: &str = "application/json";
const CHECKOUT: &str = "ws_CO_051120261430074712345678";
const MERCHANT: &str = "7a1e-4c2b-9d30-55f0c1ab77e4190233";

fn answer(status: u16, content_type: &str, body: &str) -> Heard {
    Heard::Answer {
        status,
        content_type: content_type.to_owned(),
        body: body.as_bytes().to_vec(),
    }
}

fn error(status: u16, code: &str, message: &str) -> Heard {
    let body = format!(
        r#"{{"requestId":"10411-5523310-2","errorCode":"{code}","errorMessage":"{message}"}}"#
    );
    answer(status, JSON, &body)
}

/// What a push answer was taken for, without the words that come with it.
#[derive(Debug, PartialEq)]
enum Taken {
    Accepted,
    BadPhone,
    LineBusy,
    SystemBusy,
    TooFast,
    QuotaUsed,
    Maintenance,
    Token,
    Misconfigured,
    Rejected,
    Unknown,
    UnknownWithId,
}

fn taken(heard: &Heard) -> Taken {
    match push_answer(heard) {
        PushAnswer::Accepted(_) => Taken::Accepted,
        PushAnswer::Unknown { ids: None } => Taken::Unknown,
        PushAnswer::Unknown { ids: Some(_) } => Taken::UnknownWithId,
        PushAnswer::NoPrompt(why) => match why {
            NoPrompt::BadPhone => Taken::BadPhone,
            NoPrompt::LineBusy => Taken::LineBusy,
            NoPrompt::SystemBusy => Taken::SystemBusy,
            NoPrompt::SlowDown(Pace::Rate) => Taken::TooFast,
            NoPrompt::SlowDown(Pace::Quota) => Taken::QuotaUsed,
            NoPrompt::Maintenance => Taken::Maintenance,
            NoPrompt::TokenRefused => Taken::Token,
            NoPrompt::Misconfigured { .. } => Taken::Misconfigured,
            NoPrompt::Rejected => Taken::Rejected,
            NoPrompt::TooLate => unreachable!("no provider says that"),
        },
    }
}

#[test]
fn v01_to_v05_access_tokens() {
    let numeric = r#"{"access_token":"Kf3xQ9LwZt7RbN2cVd5YhJ8mPa1s","expires_in":3599}"#;
    let text = r#"{"access_token":"Kf3xQ9LwZt7RbN2cVd5YhJ8mPa1s","expires_in":"3599"}"#;
    for body in [numeric, text] {
        let token = token_answer(&answer(200, JSON, body)).unwrap();
        assert_eq!(token.use_for.num_seconds(), 3479, "{body}");
    }
    for absurd in [r#""soon""#, "-1", "99999999999", "null"] {
        let body = format!(r#"{{"access_token":"Kf3x","expires_in":{absurd}}}"#);
        assert_eq!(
            token_answer(&answer(200, JSON, &body))
                .unwrap()
                .use_for
                .num_seconds(),
            3480,
            "{absurd}"
        );
    }
    let html = "<html><body>Request unsuccessful. Incident ID: 0-0</body></html>";
    for (heard, trouble) in [
        (
            error(400, "400.008.01", "Invalid Authentication passed"),
            TokenTrouble::Credentials,
        ),
        (
            error(400, "400.008.02", "Invalid grant type passed"),
            TokenTrouble::Credentials,
        ),
        (answer(400, "", ""), TokenTrouble::Credentials),
        (answer(200, "text/html", html), TokenTrouble::Outage),
        (answer(403, "text/html", html), TokenTrouble::Outage),
        (answer(503, "", ""), TokenTrouble::Outage),
        (
            answer(200, JSON, r#"{"access_token":"","expires_in":"3599"}"#),
            TokenTrouble::Outage,
        ),
        (answer(200, JSON, "{}"), TokenTrouble::Outage),
        (Heard::Lost, TokenTrouble::Outage),
        (Heard::Unsent, TokenTrouble::Outage),
    ] {
        assert_eq!(token_answer(&heard).unwrap_err(), trouble, "{heard:?}");
    }
}

#[test]
fn v06_an_accepted_push_names_its_prompt() {
    let v06 = answer(
        200,
        JSON,
        r#"{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190233","CheckoutRequestID":"ws_CO_051120261430074712345678","ResponseCode":"0","ResponseDescription":"Success. Request accepted for processing","CustomerMessage":"Success. Request accepted for processing"}"#,
    );
    let ids = PromptIds {
        merchant: MERCHANT.into(),
        checkout: CHECKOUT.into(),
    };
    assert_eq!(push_answer(&v06), PushAnswer::Accepted(ids));
    for zero in ["0", r#""00000000""#, r#"" 0 ""#] {
        let body = format!(r#"{{"CheckoutRequestID":"{CHECKOUT}","ResponseCode":{zero}}}"#);
        assert_eq!(taken(&answer(200, JSON, &body)), Taken::Accepted, "{zero}");
    }
}

#[test]
fn v07_to_v18_pushes_that_were_not_accepted() {
    let v13 = r#"{"fault":{"faultstring":"Rate limit quota violation. Quota limit exceeded. Identifier : _default","detail":{"errorcode":"policies.ratelimit.QuotaViolation"}}}"#;
    let v14 = r#"{"MerchantRequestID":"7a1e-4c2b-9d30-55f0c1ab77e4190240","CheckoutRequestID":"ws_CO_051120261431101712345678","ResponseCode":"1","ResponseDescription":"Rejected","CustomerMessage":"Rejected"}"#;
    let v15 =
        r#"{"ResponseCode":"0","ResponseDescription":"Success. Request accepted for processing"}"#;
    let lock =
        "Unable to lock subscriber, a transaction is already in process for the current subscriber";
    for (name, heard, wanted) in [
        (
            "V07",
            error(400, "400.002.02", "Bad Request - Invalid PhoneNumber"),
            Taken::BadPhone,
        ),
        (
            "V08",
            error(404, "404.001.03", "Invalid Access Token"),
            Taken::Token,
        ),
        (
            "V08 as 401",
            error(401, "404.001.03", "Invalid Access Token"),
            Taken::Token,
        ),
        (
            "V09",
            error(
                500,
                "500.001.1001",
                "[MerchantValidate] - Wrong credentials",
            ),
            Taken::Misconfigured,
        ),
        ("V10", error(500, "500.001.1001", lock), Taken::LineBusy),
        (
            "V11",
            error(
                500,
                "500.003.02",
                "System is busy. Please try again in few minutes.",
            ),
            Taken::SystemBusy,
        ),
        (
            "V12",
            error(500, "500.003.02", "Error Occurred: Spike Arrest Violation"),
            Taken::TooFast,
        ),
        (
            "V12 as 429",
            error(429, "500.003.02", "Error Occurred: Spike Arrest Violation"),
            Taken::TooFast,
        ),
        ("V13", answer(429, JSON, v13), Taken::TooFast),
        ("V14", answer(200, JSON, v14), Taken::UnknownWithId),
        ("V15", answer(200, JSON, v15), Taken::Unknown),
        ("V16", Heard::Lost, Taken::Unknown),
        (
            "V16 as 502",
            answer(502, "text/html", "<html>Bad Gateway</html>"),
            Taken::Unknown,
        ),
        ("V16 as 504", answer(504, "", ""), Taken::Unknown),
        ("V17", error(500, "500.001.1001", ""), Taken::Unknown),
        (
            "V18",
            error(400, "400.002.02", "Bad Request - Invalid CallBackURL"),
            Taken::Misconfigured,
        ),
    ] {
        assert_eq!(taken(&heard), wanted, "{name}");
    }
}

#[test]
fn every_other_refusal_of_the_error_table() {
    let no_product = r#"{"fault":{"faultstring":"Invalid API call as no apiproduct match found","detail":{"errorcode":"keymanagement.service.InvalidAPICallAsNoApiProductMatchFound"}}}"#;
    let timed_out = r#"{"fault":{"faultstring":"Gateway Timeout","detail":{"errorcode":"messaging.adaptors.http.flow.GatewayTimeout"}}}"#;
    for (heard, wanted) in [
        (
            error(400, "400.002.02", "Bad Request - Invalid BusinessShortCode"),
            Taken::Misconfigured,
        ),
        (
            error(400, "400.002.02", "Bad Request - Invalid Timestamp"),
            Taken::Misconfigured,
        ),
        (
            error(400, "400.002.05", "Invalid Request Payload"),
            Taken::Misconfigured,
        ),
        (
            error(400, "400.003.01", "Invalid Access Token"),
            Taken::Token,
        ),
        (
            error(401, "401.002.01", "Error Occurred - Invalid Access Token"),
            Taken::Token,
        ),
        (
            error(401, "401.003.01", "Error Occurred: Invalid Access Token"),
            Taken::Token,
        ),
        (error(401, "401.001", "Unauthorized"), Taken::Token),
        (
            error(400, "400.003.02", "Bad Request"),
            Taken::Misconfigured,
        ),
        (
            error(404, "404.003.01", "Resource not found"),
            Taken::Misconfigured,
        ),
        (
            error(404, "404.001.01", "Resource not found"),
            Taken::Misconfigured,
        ),
        (
            error(404, "404.001.04", "Invalid Authentication Header"),
            Taken::Misconfigured,
        ),
        (
            error(405, "405.001", "Method Not Allowed"),
            Taken::Misconfigured,
        ),
        (
            error(500, "500.001.1001", "Merchant does not exist"),
            Taken::Misconfigured,
        ),
        (
            error(
                500,
                "500.001.001",
                "[MerchantValidate] - Merchant does not exist",
            ),
            Taken::Misconfigured,
        ),
        (
            error(500, "500.001.1001", "Wrong credentials"),
            Taken::Misconfigured,
        ),
        (error(500, "500.001.1001", "Something else"), Taken::Unknown),
        (error(200, "500.001.1001", ""), Taken::Unknown),
        (
            error(500, "500.003.03", "Error Occurred: Quota Violation"),
            Taken::QuotaUsed,
        ),
        (
            error(500, "500.003.1001", "Internal Server Error"),
            Taken::Unknown,
        ),
        (
            error(500, "500.003.01", "Internal Server Error"),
            Taken::Unknown,
        ),
        (
            error(503, "00.002.1001", "Service is under maintenance"),
            Taken::Maintenance,
        ),
        (error(400, "999.999", "Never seen"), Taken::Unknown),
        (answer(403, JSON, no_product), Taken::Misconfigured),
        (answer(504, JSON, timed_out), Taken::Unknown),
        (answer(429, "text/html", "slow down"), Taken::TooFast),
        (answer(200, "text/html", "<html></html>"), Taken::Unknown),
        (answer(200, JSON, "{}"), Taken::Unknown),
        (answer(200, JSON, "[]"), Taken::Unknown),
        (answer(200, JSON, ""), Taken::Unknown),
        (
            answer(
                200,
                JSON,
                r#"{"ResponseCode":"1","ResponseDescription":"Rejected"}"#,
            ),
            Taken::Rejected,
        ),
        (Heard::Unsent, Taken::SystemBusy),
    ] {
        assert_eq!(taken(&heard), wanted, "{heard:?}");
    }
}

#[test]
fn v43_to_v48_answers_to_questions() {
    let about = |result: &str| {
        format!(
            r#"{{"ResponseCode":"0","ResponseDescription":"The service request has been accepted successfully","MerchantRequestID":"{MERCHANT}","CheckoutRequestID":"{CHECKOUT}","ResultCode":{result},"ResultDesc":"."}}"#
        )
    };
    let result = |code: &str| QueryAnswer::Result(ResultCode::new(code));
    let other_id = about(r#""0""#).replace(CHECKOUT, "ws_CO_another");
    let not_accepted = about(r#""0""#).replace(r#""ResponseCode":"0""#, r#""ResponseCode":"1""#);
    let processing = "The transaction is being processed";
    for (name, heard, wanted) in [
        ("V43", answer(200, JSON, &about(r#""0""#)), result("0")),
        ("V43 as number", answer(200, JSON, &about("0")), result("0")),
        (
            "V44",
            answer(200, JSON, &about(r#""4999""#)),
            result("4999"),
        ),
        (
            "V45",
            error(500, "500.001.1001", processing),
            QueryAnswer::NoAnswer,
        ),
        (
            "V45 as 200",
            error(200, "500.001.1001", processing),
            QueryAnswer::NoAnswer,
        ),
        (
            "V45 empty",
            error(500, "500.001.1001", ""),
            QueryAnswer::NoAnswer,
        ),
        (
            "V46",
            error(500, "500.001.1001", "The transaction does not Exist"),
            QueryAnswer::NotKnown,
        ),
        (
            "V47",
            error(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID"),
            QueryAnswer::BadId,
        ),
        (
            "V48",
            answer(200, JSON, &about(r#""1032""#)),
            result("1032"),
        ),
        (
            "alphanumeric",
            answer(200, JSON, &about(r#""SFC_IC0003""#)),
            result("SFC_IC0003"),
        ),
        (
            "another prompt",
            answer(200, JSON, &other_id),
            QueryAnswer::NoAnswer,
        ),
        (
            "question refused",
            answer(200, JSON, &not_accepted),
            QueryAnswer::NoAnswer,
        ),
        (
            "no result",
            answer(200, JSON, &about("null")),
            QueryAnswer::NoAnswer,
        ),
        (
            "page",
            answer(200, "text/html", "<html></html>"),
            QueryAnswer::NoAnswer,
        ),
        (
            "429",
            answer(429, "", ""),
            QueryAnswer::SlowDown(Pace::Rate),
        ),
        (
            "spike",
            error(500, "500.003.02", "Error Occurred: Spike Arrest Violation"),
            QueryAnswer::SlowDown(Pace::Rate),
        ),
        (
            "quota",
            error(500, "500.003.03", "Quota Violation"),
            QueryAnswer::SlowDown(Pace::Quota),
        ),
        (
            "token",
            error(404, "404.001.03", "Invalid Access Token"),
            QueryAnswer::TokenRefused,
        ),
        ("lost", Heard::Lost, QueryAnswer::NoAnswer),
    ] {
        assert_eq!(query_answer(&heard, CHECKOUT), wanted, "{name}");
    }
}

#[test]
fn v59_registering_twice_is_no_failure() {
    let made = r#"{"OriginatorCoversationID":"6e86-45dd-91ac-fd5d4178ab523408729","ResponseCode":"0","ResponseDescription":"success"}"#;
    assert_eq!(register_answer(&answer(200, JSON, made)), Ok(true));
    assert_eq!(
        register_answer(&error(500, "500.003.1001", "Urls are already registered.")),
        Ok(false)
    );
    let on_old_platform = "Duplicate notification info, SP ID is 1, correlator is 2";
    assert_eq!(
        register_answer(&error(500, "500.003.1001", on_old_platform)),
        Ok(false)
    );
    assert!(register_answer(&error(500, "500.003.1001", "Internal Server Error")).is_err());
    assert!(register_answer(&Heard::Lost).is_err());
}

#[test]
fn no_bytes_whatever_are_taken_for_a_paid_or_accepted_push() {
    use proptest::prelude::*;
    proptest!(|(status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..200))| {
        let heard = Heard::Answer { status, content_type: String::new(), body };
        prop_assert!(!matches!(push_answer(&heard), PushAnswer::Accepted(_)));
        prop_assert!(!matches!(query_answer(&heard, CHECKOUT), QueryAnswer::Result(_)));
        let _ = (token_answer(&heard), register_answer(&heard));
    });
}
