//! The database's shape: the migrations this binary brings, and how far a database has come with them.

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::{Connection, PgConnection};

/// Forward only; each is applied once, in the order of its number.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where a database stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Exactly what this binary knows.
    Current { version: i64 },
    /// So many migrations are missing: `kwastage migrate`.
    Behind { missing: usize },
    /// A newer binary was here; this one must not run.
    Ahead { version: i64 },
    /// A migration failed half way, or an applied one has been changed since.
    Broken { version: i64 },
}

/// Applies what is missing and says how many that was. Two at once wait for each other.
pub async fn migrate(connection: &mut PgConnection) -> Result<usize, MigrateError> {
    let missing = match standing(connection).await? {
        Standing::Behind { missing } => missing,
        _ => 0,
    };
    // A migration that waits for a lock makes everyone behind it wait too: better to fail and be run again.
    sqlx::query("set lock_timeout = '5s'")
        .execute(&mut *connection)
        .await?;
    MIGRATIONS.run(connection).await?;
    Ok(missing)
}

/// Compares the database with this binary; changes nothing.
pub async fn standing(connection: &mut PgConnection) -> Result<Standing, MigrateError> {
    let migrated: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(&*MIGRATIONS.table_name)
        .fetch_one(&mut *connection)
        .await?;
    if !migrated {
        return Ok(Standing::Behind {
            missing: MIGRATIONS.iter().count(),
        });
    }
    if let Some(version) = connection.dirty_version(&MIGRATIONS.table_name).await? {
        return Ok(Standing::Broken { version });
    }
    let applied = connection
        .list_applied_migrations(&MIGRATIONS.table_name)
        .await?;
    for done in &applied {
        match MIGRATIONS.iter().find(|ours| ours.version == done.version) {
            None => {
                return Ok(Standing::Ahead {
                    version: done.version,
                });
            }
            Some(ours) if ours.checksum != done.checksum => {
                return Ok(Standing::Broken {
                    version: done.version,
                });
            }
            Some(_) => {}
        }
    }
    match MIGRATIONS.iter().count() - applied.len() {
        0 => Ok(Standing::Current {
            version: applied.iter().map(|done| done.version).max().unwrap_or(0),
        }),
        missing => Ok(Standing::Behind { missing }),
    }
}

/// Connects, within what a person at a terminal waits.
pub async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    match tokio::time::timeout(
        std::time::Duration::from_secs(5),
        PgConnection::connect(url),
    )
    .await
    {
        Ok(connected) => connected,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::PgPool;

    #[sqlx::test(migrations = false)]
    async fn an_empty_database_is_brought_up_once(pool: PgPool) {
        let mut connection = pool.acquire().await.unwrap();
        let all = MIGRATIONS.iter().count();
        assert_eq!(
            standing(&mut connection).await.unwrap(),
            Standing::Behind { missing: all }
        );
        assert_eq!(migrate(&mut connection).await.unwrap(), all);
        assert!(matches!(
            standing(&mut connection).await.unwrap(),
            Standing::Current { .. }
        ));
        assert_eq!(migrate(&mut connection).await.unwrap(), 0);
    }

    #[sqlx::test]
    async fn a_newer_or_changed_database_is_seen(pool: PgPool) {
        let mut connection = pool.acquire().await.unwrap();
        let newer =
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                     values (99990101, 'tomorrow', true, '\\x00', 0)";
        sqlx::query(newer).execute(&mut *connection).await.unwrap();
        assert_eq!(
            standing(&mut connection).await.unwrap(),
            Standing::Ahead {
                version: 99_990_101
            }
        );
        sqlx::query("delete from _sqlx_migrations where version = 99990101")
            .execute(&mut *connection)
            .await
            .unwrap();
        sqlx::query("update _sqlx_migrations set checksum = '\\x00' where version = 1")
            .execute(&mut *connection)
            .await
            .unwrap();
        assert_eq!(
            standing(&mut connection).await.unwrap(),
            Standing::Broken { version: 1 }
        );
    }
}
