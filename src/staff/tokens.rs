//! What a signed-in client carries. Pure.
//!
//! The access token is a JWT (HS256 and nothing else) that names its session; whoever comes with one is looked up anew.
//! The refresh token is 256 bits that mean nothing, of which we keep a digest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::keys::{StaffKeys, mac};
use super::model::{AccountId, SessionId};
use crate::fault::Fault;
use crate::primitives::Secret;

pub(super) const ACCESS_LASTS: TimeDelta = TimeDelta::minutes(15);
pub(super) const REFRESH_LASTS: TimeDelta = TimeDelta::days(7);
/// However often it is refreshed, a session ends one day.
pub(super) const SESSION_LASTS: TimeDelta = TimeDelta::days(30);
/// An answer that was lost on the way may be asked for again for so long, from the same device.
pub(super) const REPEAT_WITHIN: TimeDelta = TimeDelta::seconds(10);
/// Clocks of two machines of ours may differ by so much.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(5);

/// RFC 9068 names the type, so that no other token of ours can be taken for one.
const TYPE: &str = "at+jwt";
const AUDIENCE: &str = "kwastage-desk";
const ISSUER: &str = "kwastage";
const KEY_PREFIX: &str = "kwk_";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    iat: i64,
    exp: i64,
}

/// What is sent in `Authorization: Bearer`.
pub(super) enum Bearer {
    Access {
        account: AccountId,
        session: SessionId,
    },
    Key {
        digest: [u8; 32],
    },
}

/// An access token for this session, and when it ends.
pub(super) fn access_token(
    keys: &StaffKeys,
    account: AccountId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<(Secret, DateTime<Utc>), Fault> {
    let ends = now + ACCESS_LASTS;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: account.0,
        sid: session.0,
        iat: now.timestamp(),
        exp: ends.timestamp(),
    };
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some(TYPE.to_owned());
    let key = EncodingKey::from_secret(keys.access.as_slice());
    let token = jsonwebtoken::encode(&header, &claims, &key)
        .map_err(|error| Fault::broken(format!("an access token: {error}")))?;
    Ok((Secret::new(token), ends))
}

/// Who this token speaks for. None when it is not one of ours, or not of now.
pub(super) fn read_bearer(keys: &StaffKeys, bearer: &Secret, now: DateTime<Utc>) -> Option<Bearer> {
    let text = bearer.expose();
    if text.starts_with(KEY_PREFIX) {
        return Some(Bearer::Key {
            digest: digest(bearer),
        });
    }
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[AUDIENCE]);
    rules.set_issuer(&[ISSUER]);
    rules.set_required_spec_claims(&["iss", "aud"]);
    // The library would ask the system for the time; ours is given.
    rules.validate_exp = false;
    let key = DecodingKey::from_secret(keys.access.as_slice());
    let token = jsonwebtoken::decode::<Claims>(text, &key, &rules).ok()?;
    let claims = token.claims;
    let issued = DateTime::from_timestamp(claims.iat, 0)?;
    let ends = DateTime::from_timestamp(claims.exp, 0)?;
    let is_of_now = issued <= now + CLOCKS_DIFFER && now < ends && ends - issued <= ACCESS_LASTS;
    let is_ours = token.header.typ.as_deref() == Some(TYPE);
    (is_of_now && is_ours).then_some(Bearer::Access {
        account: AccountId(claims.sub),
        session: SessionId(claims.sid),
    })
}

pub(super) fn fresh_refresh_token() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

/// The one token that follows this one: the same however often it is asked for, and only we can say it.
pub(super) fn successor(keys: &StaffKeys, token: &Secret) -> Secret {
    let next = mac(&keys.refresh, &[token.expose().as_bytes()]);
    Secret::new(URL_SAFE_NO_PAD.encode(next.as_slice()))
}

/// A key for another system.
pub(super) fn fresh_key() -> Secret {
    let random = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    Secret::new(format!("{KEY_PREFIX}{random}"))
}

/// The word of an invitation: 130 bits in letters that are not mistaken for each other.
pub(super) fn fresh_invitation() -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random: [u8; 26] = rand::random();
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    Secret::new(random.iter().map(letter).collect::<String>())
}

/// What is kept of a secret of 128 random bits or more: there is nothing to guess, so a fast hash will do.
pub(super) fn digest(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn now() -> DateTime<Utc> {
        "2026-11-20T09:00:00Z".parse().unwrap()
    }

    fn keys() -> StaffKeys {
        StaffKeys::derived(&[9; 32])
    }

    fn reads(token: &str, at: DateTime<Utc>) -> bool {
        matches!(
            read_bearer(&keys(), &Secret::new(token), at),
            Some(Bearer::Access { .. })
        )
    }

    fn claims() -> Value {
        let id = Uuid::from_u128(7);
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": id, "sid": id,
               "iat": now().timestamp(), "exp": now().timestamp() + 900})
    }

    fn signed(header: &Value, claims: &Value, key: &[u8]) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let body = format!("{}.{}", part(header), part(claims));
        let block: [u8; 32] = key.try_into().unwrap();
        let mac = mac(&block, &[body.as_bytes()]);
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(mac.as_slice()))
    }

    #[test]
    fn a_token_is_good_for_a_quarter_of_an_hour() {
        let id = Uuid::from_u128(7);
        let (token, ends) = access_token(&keys(), AccountId(id), SessionId(id), now()).unwrap();
        assert_eq!(ends, now() + TimeDelta::minutes(15));
        for (seconds, good) in [
            (-6, false),
            (-5, true),
            (0, true),
            (899, true),
            (900, false),
        ] {
            let at = now() + TimeDelta::seconds(seconds);
            assert_eq!(reads(token.expose(), at), good, "{seconds}");
        }
    }

    #[test]
    fn forged_tokens_are_nobody() {
        let right = json!({"alg": "HS256", "typ": TYPE});
        let key = *keys().access;
        assert!(
            reads(&signed(&right, &claims(), &key), now()),
            "the table's own token"
        );
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            claims
        };
        for (why, claims) in [
            ("another audience", with("aud", json!("kwastage-riders"))),
            ("another issuer", with("iss", json!("somebody"))),
            (
                "issued tomorrow",
                with("iat", json!(now().timestamp() + 86_400)),
            ),
            (
                "too long a life",
                with("exp", json!(now().timestamp() + 86_400)),
            ),
            ("expired", with("exp", json!(now().timestamp() - 1))),
            ("no end", with("exp", Value::Null)),
            ("no session", with("sid", json!("x"))),
        ] {
            assert!(!reads(&signed(&right, &claims, &key), now()), "{why}");
        }
        for (why, header) in [
            ("no algorithm", json!({"alg": "none", "typ": TYPE})),
            ("another algorithm", json!({"alg": "HS512", "typ": TYPE})),
            ("an asymmetric one", json!({"alg": "RS256", "typ": TYPE})),
            (
                "another kind of token",
                json!({"alg": "HS256", "typ": "JWT"}),
            ),
            ("no kind", json!({"alg": "HS256"})),
        ] {
            assert!(!reads(&signed(&header, &claims(), &key), now()), "{why}");
        }
        assert!(
            !reads(&signed(&right, &claims(), &[0; 32]), now()),
            "another key"
        );
        let good = signed(&right, &claims(), &key);
        let unsigned = good.rsplit_once('.').unwrap().0;
        for text in [
            "",
            "a",
            "a.b.c",
            unsigned,
            &format!("{unsigned}."),
            &format!("{good}x"),
        ] {
            assert!(!reads(text, now()), "{text}");
        }
    }

    #[test]
    fn a_refresh_token_has_one_successor() {
        let first = fresh_refresh_token();
        assert_eq!(first.expose().len(), 43);
        let next = successor(&keys(), &first);
        assert_eq!(next.expose(), successor(&keys(), &first).expose());
        assert_ne!(next.expose(), first.expose());
        let elsewhere = successor(&StaffKeys::derived(&[8; 32]), &first);
        assert_ne!(next.expose(), elsewhere.expose());
    }
}
