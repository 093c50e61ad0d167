//! Sessions in Redis. Every call is one round trip.

use std::sync::LazyLock;

use redis::Script;

use super::seal::SessionSeal;
use super::{Lifetimes, Saved, Shelf};
use crate::conversation::SessionId;
use crate::conversation::record::Record;
use crate::fault::Fault;
use crate::menu::Session;
use crate::primitives::Msisdn;
use crate::redis_connection::RedisConnection;

/// KEYS[1] session; ARGV: version expected (little-endian u32, empty = absent), new value, milliseconds to live.
/// A value begins with its version in clear, so that comparing needs no opening.
static COMPARE_AND_SET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local held = redis.call('getrange', KEYS[1], 0, 3)
         if held ~= ARGV[1] then return 0 end
         redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
         return 1",
    )
});

/// What a shelved conversation is sealed for. It is found by its phone, whose name is in the key.
const SHELF: &str = "shelf";

#[derive(Clone)]
pub struct RedisStore {
    connection: RedisConnection,
    prefix: String,
    seal: SessionSeal,
    lifetimes: Lifetimes,
}

impl RedisStore {
    /// `prefix` keeps two installations on one Redis apart, such as `kwa:`.
    pub fn new(
        connection: RedisConnection,
        prefix: impl Into<String>,
        seal: SessionSeal,
        lifetimes: Lifetimes,
    ) -> RedisStore {
        RedisStore {
            connection,
            prefix: prefix.into(),
            seal,
            lifetimes,
        }
    }

    pub(super) async fn load(&self, id: &SessionId) -> Result<Option<Record>, Fault> {
        let mut connection = self.connection.clone();
        let bytes: Option<Vec<u8>> = redis::cmd("GET")
            .arg(self.session_key(id))
            .query_async(&mut connection)
            .await?;
        Ok(bytes.and_then(|bytes| self.open(id, &bytes)))
    }

    pub(super) async fn load_for_dial(
        &self,
        id: &SessionId,
        msisdn: &Msisdn,
    ) -> Result<(Option<Record>, Option<Session>), Fault> {
        let (mut one, mut other) = (self.connection.clone(), self.connection.clone());
        // The two keys live in different slots of a cluster; asked together, they still cost one wait.
        let (mut get, mut get_shelf) = (redis::cmd("GET"), redis::cmd("GET"));
        get.arg(self.session_key(id));
        get_shelf.arg(self.shelf_key(msisdn));
        let (record, shelved): (Option<Vec<u8>>, Option<Vec<u8>>) =
            tokio::try_join!(get.query_async(&mut one), get_shelf.query_async(&mut other))?;
        let shelved = shelved
            .and_then(|bytes| self.seal.open(SHELF, &bytes))
            .and_then(|bytes| postcard::from_bytes(&bytes).ok());
        Ok((record.and_then(|bytes| self.open(id, &bytes)), shelved))
    }

    pub(super) async fn save(
        &self,
        id: &SessionId,
        record: &Record,
        shelf: Option<&Shelf>,
    ) -> Result<Saved, Fault> {
        let mut connection = self.connection.clone();
        let expected: &[u8] = match record.version - 1 {
            0 => &[],
            version => &version.to_le_bytes(),
        };
        let session_ms = self.lifetimes.session.as_millis() as u64;
        let mut set = COMPARE_AND_SET.key(self.session_key(id));
        let set = set
            .arg(expected)
            .arg(self.close(id, record)?)
            .arg(session_ms);
        let shelve = self.shelve(&record.msisdn, shelf)?;
        let saved: bool = match shelve {
            None => set.invoke_async(&mut connection).await?,
            Some(shelve) => {
                let mut beside = connection.clone();
                let (saved, ()) = tokio::try_join!(
                    set.invoke_async(&mut connection),
                    shelve.query_async(&mut beside)
                )?;
                saved
            }
        };
        Ok(if saved { Saved::Done } else { Saved::Overtaken })
    }

    fn shelve(&self, msisdn: &Msisdn, shelf: Option<&Shelf>) -> Result<Option<redis::Cmd>, Fault> {
        let key = self.shelf_key(msisdn);
        Ok(match shelf {
            None => None,
            Some(Shelf::Clear) => {
                let mut delete = redis::cmd("UNLINK");
                delete.arg(key);
                Some(delete)
            }
            Some(Shelf::Keep(session)) => {
                let plain = postcard::to_stdvec(session)
                    .map_err(|error| Fault::broken(format!("shelving a session: {error}")))?;
                let bytes = self.seal.seal(SHELF, &plain)?;
                let mut set = redis::cmd("SET");
                set.arg(key)
                    .arg(bytes)
                    .arg("PX")
                    .arg(self.lifetimes.resume.as_millis() as u64);
                Some(set)
            }
        })
    }

    pub(super) async fn forget(&self, id: &SessionId, msisdn: &Msisdn) -> Result<(), Fault> {
        let mut connection = self.connection.clone();
        for key in [self.session_key(id), self.shelf_key(msisdn)] {
            let () = redis::cmd("UNLINK")
                .arg(key)
                .query_async(&mut connection)
                .await?;
        }
        Ok(())
    }

    fn close(&self, id: &SessionId, record: &Record) -> Result<Vec<u8>, Fault> {
        let plain = postcard::to_stdvec(record)
            .map_err(|error| Fault::broken(format!("encoding a session: {error}")))?;
        Ok([
            record.version.to_le_bytes().as_slice(),
            &self.seal.seal(id.as_str(), &plain)?,
        ]
        .concat())
    }

    /// A value of another release's shape, or not of our sealing, counts as lost, and is rebuilt.
    fn open(&self, id: &SessionId, bytes: &[u8]) -> Option<Record> {
        let (version, sealed) = bytes.split_first_chunk::<4>()?;
        let record: Record = postcard::from_bytes(&self.seal.open(id.as_str(), sealed)?).ok()?;
        Some(Record {
            version: u32::from_le_bytes(*version),
            ..record
        })
    }

    /// The braces are the hash tag that keeps everything of one session on one cluster node.
    fn session_key(&self, id: &SessionId) -> String {
        format!("{}u:{{{}}}", self.prefix, id.as_str())
    }

    fn shelf_key(&self, msisdn: &Msisdn) -> String {
        format!(
            "{}shelf:{{{}}}",
            self.prefix,
            self.seal.name_of(msisdn.digits())
        )
    }
}
