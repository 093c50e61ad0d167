//! A file that stands in for a provider on a developer's machine: each message is one line of JSON at its end.
//!
//! It is the developer's own inbox, so number and text stand in it whole, readable by its owner alone. No report ever
//! comes from it. The production configuration refuses it.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::messages::{Handover, Refusal};
use crate::primitives::Msisdn;

#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    pub fn new(path: PathBuf) -> Client {
        Client { path }
    }

    /// Appends the message. A file that cannot be written is a provider that was not reached.
    pub async fn send_sms(&self, to: &Msisdn, text: &str) -> Handover {
        let id = Uuid::new_v4().to_string();
        let line = serde_json::json!({"id": id, "to": to.e164(), "text": text});
        let path = self.path.clone();
        let appended = tokio::task::spawn_blocking(move || append(&path, &line.to_string())).await;
        match appended {
            Ok(Ok(())) => Handover::Accepted { id, cost: None },
            Ok(Err(error)) => {
                tracing::warn!(%error, "Could not write to the file of text messages");
                Handover::Refused(Refusal::Unreachable)
            }
            Err(_) => Handover::Unknown {
                why: "the writing broke off".to_owned(),
            },
        }
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    // It may be older than we are, and open to others.
    file.set_permissions(Permissions::from_mode(0o600))?;
    // One write, so that two lines never mix.
    file.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_message_is_a_line_that_only_its_owner_reads() {
        let path = std::env::temp_dir().join(format!("kwastage-sms-{}.jsonl", Uuid::new_v4()));
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let client = Client::new(path.clone());
        let amina = Msisdn::parse("254711000001").unwrap();
        let mut ids = Vec::new();
        for text in ["Umelipa \"KES 50\"\nAsante", "SOS"] {
            match client.send_sms(&amina, text).await {
                Handover::Accepted { id, cost: None } => ids.push(id),
                other => panic!("{other:?}"),
            }
        }
        let written = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["to"], "+254711000001");
        assert_eq!(lines[0]["text"], "Umelipa \"KES 50\"\nAsante");
        assert_eq!(lines[1]["id"], ids[1].as_str());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_a_provider_not_reached() {
        let client = Client::new(std::env::temp_dir());
        let amina = Msisdn::parse("254711000001").unwrap();
        let handover = client.send_sms(&amina, "SOS").await;
        assert_eq!(handover, Handover::Refused(Refusal::Unreachable));
    }
}
