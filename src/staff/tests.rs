//! Coming in, staying, and being kept out.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::*;
use crate::primitives::Secret;
use crate::work::{Actor, Work};

const PASSWORD: &str = "tumbili mwekundu anacheza";

struct Desk {
    pool: PgPool,
    keys: StaffKeys,
    passwords: PasswordDesk,
    now: DateTime<Utc>,
}

impl Desk {
    fn new(pool: PgPool) -> Desk {
        let keys = StaffKeys::derived(&[5; 32]);
        Desk {
            pool,
            passwords: PasswordDesk::new(&keys),
            keys,
            now: "2026-11-20T09:00:00Z".parse().unwrap(),
        }
    }

    fn later(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
    }

    async fn work(&self) -> Work {
        Work::begin(&self.pool, self.now, Actor::System)
            .await
            .unwrap()
    }

    async fn enrolled(&mut self, name: &str, role: Role) -> (Account, Authenticator) {
        let mut work = self.work().await;
        let name = AccountName::parse(name).unwrap();
        let invitation = invite(&mut work, &name, role, None).await.unwrap();
        let begun = begin_enrolment(&mut work, &self.keys, &invitation.word)
            .await
            .unwrap();
        let code = begun.authenticator.code_at(self.now).unwrap();
        let password = Secret::new(PASSWORD);
        let account = enrol(
            &mut work,
            &self.keys,
            &self.passwords,
            &invitation.word,
            password,
            &code,
        )
        .await
        .unwrap();
        work.commit().await.unwrap();
        self.later(30);
        (account, begun.authenticator)
    }

    async fn signs_in(&self, name: &str, password: &str, code: Secret, from: &str) -> SignedIn {
        let mut work = self.work().await;
        let asked = SignIn {
            name: name.to_owned(),
            password: Secret::new(password),
            code,
            device: Device::of(from, "tests"),
        };
        let answer = sign_in(&mut work, &self.keys, &self.passwords, asked)
            .await
            .unwrap();
        work.commit().await.unwrap();
        answer
    }

    async fn tokens(&mut self, name: &str, authenticator: &Authenticator) -> Tokens {
        let code = authenticator.code_at(self.now).unwrap();
        let SignedIn::Welcome(_, tokens) = self.signs_in(name, PASSWORD, code, "10.0.0.1").await
        else {
            panic!("{name} is not let in");
        };
        self.later(30);
        tokens
    }

    async fn knows(&self, access: &Secret) -> Option<Officer> {
        let mut conn = self.pool.acquire().await.unwrap();
        authenticate(&mut conn, &self.keys, access, self.now)
            .await
            .unwrap()
    }

    async fn refreshes(&self, token: &Secret, from: &str) -> Refreshed {
        let mut work = self.work().await;
        let answer = refresh(&mut work, &self.keys, token, Device::of(from, "tests"))
            .await
            .unwrap();
        work.commit().await.unwrap();
        answer
    }
}

#[sqlx::test]
async fn an_invitation_holds_once_and_not_for_ever(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let mut work = desk.work().await;
    let name = AccountName::parse("wanjiku").unwrap();
    let invitation = invite(&mut work, &name, Role::Staff, None).await.unwrap();
    assert!(matches!(
        invite(&mut work, &name, Role::Staff, None).await,
        Err(InviteError::NameTaken)
    ));
    assert!(matches!(
        invite(&mut work, &name, Role::Coordinator, None).await,
        Err(InviteError::StageDoesNotFit)
    ));
    let begun = begin_enrolment(&mut work, &desk.keys, &invitation.word)
        .await
        .unwrap();
    let code = begun.authenticator.code_at(desk.now).unwrap();
    let enrols = async |work: &mut Work, password: &str, code: &Secret| {
        enrol(
            work,
            &desk.keys,
            &desk.passwords,
            &invitation.word,
            Secret::new(password),
            code,
        )
        .await
    };
    assert!(matches!(
        enrols(&mut work, PASSWORD, &Secret::new("000000")).await,
        Err(EnrolError::WrongCode)
    ));
    work.commit().await.unwrap();
    // Refused whole: the digits are not used up by a password that will not do.
    let mut work = desk.work().await;
    assert!(matches!(
        enrols(&mut work, "password1234", &code).await,
        Err(EnrolError::Weak(WeakPassword::Guessable))
    ));
    drop(work);
    let mut work = desk.work().await;
    let account = enrols(&mut work, PASSWORD, &code).await.unwrap();
    assert_eq!(account.state, AccountState::Active);
    assert!(matches!(
        enrols(&mut work, PASSWORD, &code).await,
        Err(EnrolError::NotInvited)
    ));
    let again = invite_again(&mut work, account.id).await.unwrap();
    work.commit().await.unwrap();
    desk.later(72 * 3600);
    let mut work = desk.work().await;
    assert!(matches!(
        begin_enrolment(&mut work, &desk.keys, &again.word).await,
        Err(EnrolError::NotInvited)
    ));
}

#[sqlx::test]
async fn it_takes_name_password_and_fresh_digits(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let (_, authenticator) = desk.enrolled("wanjiku", Role::Finance).await;
    let code = authenticator.code_at(desk.now).unwrap();
    for (name, password, code) in [
        ("nobody", PASSWORD, code.clone()),
        ("wanjiku", "tumbili mweusi anacheza", code.clone()),
        ("wanjiku", PASSWORD, Secret::new("000000")),
        ("", "", Secret::new("")),
    ] {
        let answer = desk.signs_in(name, password, code, "10.0.0.1").await;
        assert!(matches!(answer, SignedIn::Refused), "{name}");
    }
    let tokens = desk.tokens("Wanjiku ", &authenticator).await;
    let officer = desk.knows(&tokens.access).await.unwrap();
    assert_eq!(officer.name, "wanjiku");
    assert!(officer.may(Permission::AllocateSuspense) && !officer.may(Permission::ManageStaff));
    assert!(officer.has_fresh_factor(desk.now));
    desk.later(600);
    assert!(
        !desk
            .knows(&tokens.access)
            .await
            .unwrap()
            .has_fresh_factor(desk.now)
    );
}

#[sqlx::test]
async fn digits_count_once_even_for_two_at_once(pool: PgPool) {
    let mut desk = Desk::new(pool.clone());
    let (_, authenticator) = desk.enrolled("wanjiku", Role::Staff).await;
    let code = authenticator.code_at(desk.now).unwrap();
    let (one, other) = tokio::join!(
        desk.signs_in("wanjiku", PASSWORD, code.clone(), "10.0.0.1"),
        desk.signs_in("wanjiku", PASSWORD, code.clone(), "10.0.0.2"),
    );
    let welcome = [&one, &other]
        .into_iter()
        .filter(|answer| matches!(answer, SignedIn::Welcome(..)))
        .count();
    assert_eq!(welcome, 1, "{one:?} {other:?}");
    desk.later(20);
    let third = desk.signs_in("wanjiku", PASSWORD, code, "10.0.0.3").await;
    assert!(matches!(third, SignedIn::Refused));
}

#[sqlx::test]
async fn wrong_tries_lock_their_own_address_and_not_the_owners(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let (_, authenticator) = desk.enrolled("wanjiku", Role::Staff).await;
    for _ in 0..5 {
        let code = authenticator.code_at(desk.now).unwrap();
        let answer = desk
            .signs_in("wanjiku", "wrong wrong wrong", code, "6.6.6.6")
            .await;
        assert!(matches!(answer, SignedIn::Refused));
    }
    let code = authenticator.code_at(desk.now).unwrap();
    let answer = desk.signs_in("wanjiku", PASSWORD, code, "6.6.6.6").await;
    assert!(
        matches!(answer, SignedIn::Locked { until } if until == desk.now + TimeDelta::minutes(1))
    );
    desk.tokens("wanjiku", &authenticator).await;
    desk.later(60);
    let code = authenticator.code_at(desk.now).unwrap();
    let answer = desk.signs_in("wanjiku", PASSWORD, code, "6.6.6.6").await;
    assert!(matches!(answer, SignedIn::Welcome(..)));
}

#[sqlx::test]
async fn a_refresh_token_that_comes_back_ends_the_family(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let (_, authenticator) = desk.enrolled("wanjiku", Role::Staff).await;
    let first = desk.tokens("wanjiku", &authenticator).await;
    let Refreshed::Again(second) = desk.refreshes(&first.refresh, "10.0.0.1").await else {
        panic!("not refreshed");
    };
    assert_ne!(first.refresh.expose(), second.refresh.expose());
    // The answer was lost: the same successor, no second branch.
    desk.later(9);
    let Refreshed::Again(repeated) = desk.refreshes(&first.refresh, "10.0.0.1").await else {
        panic!("not repeated");
    };
    assert_eq!(second.refresh.expose(), repeated.refresh.expose());
    assert!(desk.knows(&second.access).await.is_some());
    // Too late: theft.
    desk.later(2);
    assert!(matches!(
        desk.refreshes(&first.refresh, "10.0.0.1").await,
        Refreshed::Reused(_)
    ));
    assert!(matches!(
        desk.refreshes(&second.refresh, "10.0.0.1").await,
        Refreshed::Refused
    ));
    assert!(desk.knows(&second.access).await.is_none());
}

#[sqlx::test]
async fn a_refresh_token_from_elsewhere_or_behind_its_successor_is_theft(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let (_, authenticator) = desk.enrolled("wanjiku", Role::Staff).await;
    let first = desk.tokens("wanjiku", &authenticator).await;
    desk.refreshes(&first.refresh, "10.0.0.1").await;
    assert!(matches!(
        desk.refreshes(&first.refresh, "6.6.6.6").await,
        Refreshed::Reused(_)
    ));

    let first = desk.tokens("wanjiku", &authenticator).await;
    let Refreshed::Again(second) = desk.refreshes(&first.refresh, "10.0.0.1").await else {
        panic!("not refreshed");
    };
    desk.refreshes(&second.refresh, "10.0.0.1").await;
    assert!(matches!(
        desk.refreshes(&first.refresh, "10.0.0.1").await,
        Refreshed::Reused(_)
    ));
    assert!(matches!(
        desk.refreshes(&Secret::new("x"), "10.0.0.1").await,
        Refreshed::Refused
    ));
}

#[sqlx::test]
async fn fifty_at_once_get_one_successor(pool: PgPool) {
    let mut desk = Desk::new(pool.clone());
    let (_, authenticator) = desk.enrolled("wanjiku", Role::Staff).await;
    let first = desk.tokens("wanjiku", &authenticator).await;
    let asking = (0..50).map(|_| {
        let (pool, keys, now, token) = (
            pool.clone(),
            desk.keys.clone(),
            desk.now,
            first.refresh.clone(),
        );
        tokio::spawn(async move {
            let mut work = Work::begin(&pool, now, Actor::System).await.unwrap();
            let answer = refresh(&mut work, &keys, &token, Device::of("10.0.0.1", "tests")).await;
            work.commit().await.unwrap();
            answer.unwrap()
        })
    });
    let mut successors = std::collections::BTreeSet::new();
    for answer in asking.collect::<Vec<_>>() {
        let Refreshed::Again(tokens) = answer.await.unwrap() else {
            panic!("one of fifty was refused");
        };
        successors.insert(tokens.refresh.expose().to_owned());
    }
    assert_eq!(successors.len(), 1);
    let written: i64 = sqlx::query_scalar("select count(*) from staff_refresh")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(written, 2);
}

#[sqlx::test]
async fn whoever_is_disabled_or_moved_is_so_at_once(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let (account, authenticator) = desk.enrolled("wanjiku", Role::Staff).await;
    let tokens = desk.tokens("wanjiku", &authenticator).await;
    let boss = Some((AccountId(uuid::Uuid::nil()), Role::Admin));
    let mut work = desk.work().await;
    let viewer = Change {
        post: Some((Role::Viewer, None)),
        enabled: None,
    };
    let stale = change(&mut work, boss, account.id, Some(1), viewer).await;
    assert!(matches!(stale, Err(ChangeError::Stale)));
    let version = Some(account.version);
    change(&mut work, boss, account.id, version, viewer)
        .await
        .unwrap();
    let upward = Change {
        post: Some((Role::Admin, None)),
        enabled: None,
    };
    let upward = change(&mut work, boss, account.id, None, upward).await;
    assert!(matches!(upward, Err(ChangeError::NotYours)));
    let own = Some((account.id, Role::SuperAdmin));
    let own = change(&mut work, own, account.id, None, viewer).await;
    assert!(matches!(own, Err(ChangeError::Oneself)));
    work.commit().await.unwrap();
    assert!(
        !desk
            .knows(&tokens.access)
            .await
            .unwrap()
            .may(Permission::DecideMembers)
    );

    let mut work = desk.work().await;
    let off = Change {
        post: None,
        enabled: Some(false),
    };
    change(&mut work, boss, account.id, None, off)
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert!(desk.knows(&tokens.access).await.is_none());
    let code = authenticator.code_at(desk.now).unwrap();
    let answer = desk.signs_in("wanjiku", PASSWORD, code, "10.0.0.1").await;
    assert!(matches!(answer, SignedIn::Refused));
}

#[sqlx::test]
async fn a_password_is_not_taken_again_and_a_change_ends_the_other_sessions(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let (account, authenticator) = desk.enrolled("wanjiku", Role::Staff).await;
    let other = desk.tokens("wanjiku", &authenticator).await;
    let here = desk.tokens("wanjiku", &authenticator).await;
    let who = (account.id, here.session);
    let mut work = desk.work().await;
    for (present, new, refused) in [
        ("wrong wrong wrong", "nane-kumi-pikipiki-taa", "present"),
        (PASSWORD, PASSWORD, "last five"),
        (PASSWORD, "short", "12 characters"),
    ] {
        let (present, new) = (Secret::new(present), Secret::new(new));
        let done = change_password(
            &mut work,
            &desk.keys,
            &desk.passwords,
            who,
            "a",
            &present,
            new,
        )
        .await;
        let why = done.unwrap_err().to_string();
        assert!(why.contains(refused), "{why}");
    }
    let (present, new) = (Secret::new(PASSWORD), Secret::new("nane-kumi-pikipiki-taa"));
    change_password(
        &mut work,
        &desk.keys,
        &desk.passwords,
        who,
        "a",
        &present,
        new,
    )
    .await
    .unwrap();
    work.commit().await.unwrap();
    assert!(desk.knows(&here.access).await.is_some());
    assert!(desk.knows(&other.access).await.is_none());
}

#[sqlx::test]
async fn a_key_opens_what_it_is_for_until_it_is_revoked(pool: PgPool) {
    let mut desk = Desk::new(pool);
    let (account, _) = desk.enrolled("wanjiku", Role::SuperAdmin).await;
    let mut work = desk.work().await;
    let day = TimeDelta::days(1);
    for (scopes, lasts) in [
        (vec![], day),
        (vec![Permission::ManageStaff], day),
        (vec![Permission::ReadStages], TimeDelta::days(400)),
        (vec![Permission::ReadStages], TimeDelta::zero()),
    ] {
        assert!(
            issue_key(&mut work, account.id, "reports", scopes, lasts)
                .await
                .is_err()
        );
    }
    let scopes = vec![Permission::ReadMembers];
    let made = issue_key(&mut work, account.id, "reports", scopes, day)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let officer = desk.knows(&made.secret).await.unwrap();
    assert!(officer.may(Permission::ReadMembers) && !officer.may(Permission::ReadFunds));
    assert!(!officer.has_fresh_factor(desk.now));
    let mut work = desk.work().await;
    assert!(revoke_key(&mut work, made.key.id).await.unwrap().is_some());
    assert!(revoke_key(&mut work, made.key.id).await.unwrap().is_none());
    work.commit().await.unwrap();
    assert!(desk.knows(&made.secret).await.is_none());
}

/// What the tables hold is worth nothing to who reads them.
#[sqlx::test]
async fn no_secret_stands_in_the_database(pool: PgPool) {
    let mut desk = Desk::new(pool.clone());
    let (account, authenticator) = desk.enrolled("wanjiku", Role::SuperAdmin).await;
    let tokens = desk.tokens("wanjiku", &authenticator).await;
    let mut work = desk.work().await;
    let scopes = vec![Permission::ReadMembers];
    let day = TimeDelta::days(1);
    let key = issue_key(&mut work, account.id, "reports", scopes, day)
        .await
        .unwrap();
    let invitation = invite_again(&mut work, account.id).await.unwrap();
    work.commit().await.unwrap();
    let dumped: Vec<String> = sqlx::query_scalar(
        "select t::text from staff_account t union all select t::text from staff_password t union all select t::text from staff_session t
         union all select t::text from staff_refresh t union all select t::text from api_key t",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let dumped = dumped.join("\n");
    for secret in [
        &Secret::new(PASSWORD),
        &authenticator.base32(),
        &tokens.access,
        &tokens.refresh,
        &key.secret,
        &invitation.word,
    ] {
        let bytes = hex::encode(secret.expose());
        assert!(!dumped.contains(secret.expose()) && !dumped.contains(&bytes));
    }
}
