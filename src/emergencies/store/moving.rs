//! Phones of open cases that are to be others.

use sqlx::PgConnection;

use crate::fault::Fault;
use crate::primitives::Msisdn;

/// A row that the new phone has already keeps its place.
pub async fn move_phone(conn: &mut PgConnection, old: &Msisdn, new: &Msisdn) -> Result<(), Fault> {
    sqlx::query!(
        "update emergency set msisdn = $2
         where msisdn = $1 and state in ('reported', 'acknowledged', 'responding', 'joined')
           and not exists (select from emergency other where other.msisdn = $2
                             and other.state in ('reported', 'acknowledged', 'responding', 'joined'))",
        old.digits(),
        new.digits()
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update emergency_alert as mine set msisdn = $2
         where msisdn = $1
           and exists (select from emergency where id = mine.emergency_id
                         and state in ('reported', 'acknowledged', 'responding', 'joined', 'resolved'))
           and not exists (select from emergency_alert other where other.emergency_id = mine.emergency_id and other.msisdn = $2)",
        old.digits(),
        new.digits()
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update responder as mine set msisdn = $2
         where msisdn = $1 and left_at is null
           and exists (select from emergency where id = mine.emergency_id
                         and state in ('reported', 'acknowledged', 'responding', 'joined', 'resolved'))
           and not exists (select from responder other where other.emergency_id = mine.emergency_id and other.msisdn = $2)",
        old.digits(),
        new.digits()
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update arrival_question as mine set msisdn = $2
         where msisdn = $1
           and not exists (select from arrival_question other where other.emergency_id = mine.emergency_id and other.msisdn = $2)",
        old.digits(),
        new.digits()
    )
    .execute(&mut *conn)
    .await?;
    Ok(())
}
