//! The SQL of `message_preference` and `preference_change`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::messages::Kind;
use crate::primitives::Msisdn;

/// Noted with the time when it changes anything.
pub(in crate::messages) async fn set(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    kind: Kind,
    wanted: bool,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    match wanted {
        true => {
            sqlx::query!(
                "with changed as (delete from message_preference where msisdn = $1 and kind = $2 returning msisdn)
                 insert into preference_change (msisdn, kind, wants, at) select msisdn, $2, true, $3 from changed",
                msisdn.digits(),
                kind.as_str(),
                now
            )
            .execute(conn)
            .await?
        }
        false => {
            sqlx::query!(
                "with changed as (insert into message_preference (msisdn, kind, since) values ($1, $2, $3)
                                  on conflict (msisdn, kind) do nothing returning msisdn)
                 insert into preference_change (msisdn, kind, wants, at) select msisdn, $2, false, $3 from changed",
                msisdn.digits(),
                kind.as_str(),
                now
            )
            .execute(conn)
            .await?
        }
    };
    Ok(())
}

pub(in crate::messages) async fn unwanted_by(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
) -> Result<Vec<Kind>, Fault> {
    let kinds = sqlx::query_scalar!(
        "select kind from message_preference where msisdn = $1",
        msisdn.digits()
    )
    .fetch_all(conn)
    .await?;
    Ok(kinds.iter().filter_map(|kind| Kind::parse(kind)).collect())
}
