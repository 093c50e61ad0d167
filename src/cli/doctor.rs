//! `kwastage doctor`: looks at everything we stand on, and says what to mend.

use std::time::Duration;

use anyhow::bail;
use reqwest::Url;
use secrecy::ExposeSecret;

use crate::app::{load_menus, load_templates};
use crate::config::Config;
use crate::primitives::Carrier;
use crate::schema::{self, Standing};

const PATIENCE: Duration = Duration::from_secs(5);
const OLDEST_POSTGRES: i32 = 150_000;
const OLDEST_REDIS: u32 = 7;

/// One thing that was looked at: fine with a word about it, or what to mend.
struct Finding {
    what: &'static str,
    verdict: Result<String, String>,
}

/// Prints what was found.
///
/// # Errors
/// Something needs mending; each such thing has been printed.
pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let (database, redis) =
        tokio::join!(database(config.database.url.expose_secret()), redis(config));
    let (sms, twilio, payments) = tokio::join!(
        provider("Africa's Talking", &config.africastalking.base_url),
        provider("Twilio", &config.twilio.base_url),
        provider("M-Pesa", &config.mpesa.base_url)
    );
    let mut findings = vec![Finding {
        what: "configuration",
        verdict: Ok(format!("{:?}", config.environment).to_lowercase()),
    }];
    findings.extend(database);
    findings.extend([redis, sms]);
    // Who is in no route is never asked.
    findings.extend(config.sms.routes.include(Carrier::Twilio).then_some(twilio));
    findings.push(payments);
    findings.push(documents(config));
    for finding in &findings {
        match &finding.verdict {
            Ok(word) => println!("  fine  {:<17} {word}", finding.what),
            Err(mend) => println!("  MEND  {:<17} {mend}", finding.what),
        }
    }
    match findings
        .iter()
        .filter(|finding| finding.verdict.is_err())
        .count()
    {
        0 => Ok(()),
        1 => bail!("One thing needs mending."),
        several => bail!("{several} things need mending."),
    }
}

/// The journeys and the templates, as the gateway would load them at its start.
fn documents(config: &Config) -> Finding {
    let loaded = load_menus(config).and_then(|menus| {
        load_templates(config, &menus)?;
        Ok(format!("{} screens hold up", menus.screens().count()))
    });
    Finding {
        what: "menus, messages",
        verdict: loaded.map_err(|mistakes| mistakes.to_string()),
    }
}

async fn database(url: &str) -> Vec<Finding> {
    let finding = |what, verdict| Finding { what, verdict };
    let mut connection = match schema::connect(url).await {
        Ok(connection) => connection,
        Err(error) => {
            return vec![finding(
                "Postgres",
                Err(format!("does not answer ({error}); look at database.url")),
            )];
        }
    };
    let version: Result<(i32, String), sqlx::Error> = sqlx::query_as(
        "select current_setting('server_version_num')::int, current_setting('server_version')",
    )
    .fetch_one(&mut connection)
    .await;
    let server = match version {
        Ok((number, words)) if number >= OLDEST_POSTGRES => Ok(words),
        Ok((_, words)) => Err(format!("is {words}; 15 or newer is needed")),
        Err(error) => Err(format!("does not say its version ({error})")),
    };
    let shape = match schema::standing(&mut connection).await {
        Ok(Standing::Current { version }) => Ok(format!("version {version}")),
        Ok(Standing::Behind { missing }) => {
            Err(format!("lacks {missing} migrations; run kwastage migrate"))
        }
        Ok(Standing::Ahead { version }) => Err(format!(
            "is at version {version}, newer than this program; update the program"
        )),
        Ok(Standing::Broken { version }) => Err(format!(
            "migration {version} failed or was changed after it ran; mend it by hand"
        )),
        Err(error) => Err(format!("cannot be read ({error})")),
    };
    vec![finding("Postgres", server), finding("schema", shape)]
}

async fn redis(config: &Config) -> Finding {
    let asked = async {
        let client = redis::Client::open(config.redis.url.expose_secret())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("INFO")
            .arg("server")
            .query_async::<String>(&mut connection)
            .await
    };
    let verdict = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(info)) => match redis_version(&info) {
            Some((major, version)) if major >= OLDEST_REDIS => Ok(version),
            Some((_, version)) => Err(format!("is {version}; {OLDEST_REDIS} or newer is needed")),
            None => Err("does not say its version".into()),
        },
        Ok(Err(error)) => Err(format!("does not answer ({error}); look at redis.url")),
        Err(_) => Err("does not answer in time; look at redis.url".into()),
    };
    Finding {
        what: "Redis",
        verdict,
    }
}

fn redis_version(info: &str) -> Option<(u32, String)> {
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))?
        .trim();
    let major = version.split('.').next()?.parse().ok()?;
    Some((major, version.to_owned()))
}

/// Any answer at all will do: whether the credentials are right is asked with the first real request.
async fn provider(what: &'static str, base: &Url) -> Finding {
    let asked = async {
        reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()?
            .get(base.clone())
            .send()
            .await
    };
    let host = base.host_str().unwrap_or_default();
    let verdict = match asked.await {
        Ok(_) => Ok(format!("{host} answers")),
        Err(error) => Err(format!("{host} does not answer: {}", root_cause(&error))),
    };
    Finding { what, verdict }
}

/// What it comes down to, such as "connection refused"; the errors around it only say that sending failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_out_of_redis_own_words() {
        assert_eq!(
            redis_version("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"),
            Some((7, "7.0.15".into()))
        );
        assert_eq!(redis_version("nothing"), None);
    }
}
