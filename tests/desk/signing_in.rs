//! Coming in over HTTP.

use kwastage::staff;
use kwastage::staff::{AccountName, Authenticator, Role};
use serde_json::json;
use sqlx::PgPool;

use super::world::{PASSWORD, World};

#[sqlx::test]
async fn from_the_invitation_to_the_first_look(pool: PgPool) {
    let world = World::new(pool).await;
    let mut work = world.work().await;
    let name = AccountName::parse("wanjiku").unwrap();
    let invited = staff::invite(&mut work, &name, Role::Finance, None)
        .await
        .unwrap();
    work.commit().await.unwrap();

    let asks = async |path: &str, body: serde_json::Value| {
        world.request("POST", path).json(body).ask().await
    };
    let word = invited.word.expose();
    let begun = asks("/api/v1/enrolments", json!({"invitation": word}))
        .await
        .is(200);
    assert!(
        begun["uri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/KwaStage:wanjiku?")
    );
    assert!(begun["picture"].as_str().unwrap().contains("<svg"));
    let secret = begun["secret"].as_str().unwrap();
    let authenticator = Authenticator::from_base32(secret).unwrap();
    let code = || {
        authenticator
            .code_at(world.clock.now())
            .unwrap()
            .expose()
            .to_owned()
    };

    let enrolling =
        |password: &str| json!({"invitation": word, "password": password, "code": code()});
    let path = "/api/v1/enrolments/confirmations";
    let weak = asks(path, enrolling("password1234")).await;
    assert_eq!((weak.status, weak.field()), (422, "password"));
    asks(path, enrolling(PASSWORD)).await.is(201);
    let again = asks(path, enrolling(PASSWORD)).await;
    assert_eq!((again.status, again.field()), (422, "invitation"));

    let credentials = || json!({"name": "wanjiku", "password": PASSWORD, "code": code()});
    // The digits that enrolled are used up.
    let replayed = asks("/api/v1/sessions", credentials()).await;
    assert_eq!((replayed.status, replayed.code()), (401, "sign_in_refused"));
    world.later(30);
    let tokens = asks("/api/v1/sessions", credentials()).await.is(201);
    let replayed = asks("/api/v1/sessions", credentials()).await;
    assert_eq!((replayed.status, replayed.code()), (401, "sign_in_refused"));

    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let me = world
        .request("GET", "/api/v1/me")
        .header("authorization", &bearer)
        .ask()
        .await;
    let me = me.is(200);
    assert_eq!(
        (&me["name"], &me["role"]),
        (&json!("wanjiku"), &json!("finance"))
    );
    assert_eq!(me["second_factor_fresh"], true);
    assert_eq!(world.actions().await, ["staff.enrol", "session.begin"]);
}

#[sqlx::test]
async fn a_session_is_refreshed_and_ended(pool: PgPool) {
    let world = World::new(pool).await;
    let person = world.person("wanjiku", Role::Viewer, None).await;
    world.get(&person, "/api/v1/stages").await.is(200);
    world.later(15 * 60);
    let late = world.get(&person, "/api/v1/stages").await;
    assert_eq!((late.status, late.code()), (401, "token_does_not_hold"));

    let refreshes = async |token: &str| {
        let body = json!({"refresh_token": token});
        world
            .request("POST", "/api/v1/sessions/refresh")
            .json(body)
            .ask()
            .await
    };
    let next = refreshes(&person.refresh).await.is(200);
    let person = super::world::Person {
        access: next["access_token"].as_str().unwrap().to_owned(),
        ..person
    };
    let open = world.get(&person, "/api/v1/sessions").await.is(200);
    assert_eq!(open["data"][0]["current"], true);
    // The old token comes back, too late for a lost answer: whoever has it, both are out.
    world.later(11);
    refreshes(&person.refresh).await.is(401);
    world.get(&person, "/api/v1/stages").await.is(401);
    refreshes(next["refresh_token"].as_str().unwrap())
        .await
        .is(401);

    let again = world.signed_in("wanjiku", &person.authenticator).await;
    let other = world.signed_in("wanjiku", &person.authenticator).await;
    let open = world.get(&other, "/api/v1/sessions").await.is(200);
    let open = open["data"].as_array().unwrap();
    assert_eq!(open.len(), 2);
    let there = open.iter().find(|one| one["current"] == false).unwrap();
    let path = format!("/api/v1/sessions/{}", there["id"].as_str().unwrap());
    world
        .request("DELETE", &path)
        .by(&other)
        .ask()
        .await
        .is(204);
    world.get(&again, "/api/v1/stages").await.is(401);
    world
        .request("DELETE", "/api/v1/sessions/current")
        .by(&other)
        .ask()
        .await
        .is(204);
    world.get(&other, "/api/v1/stages").await.is(401);
}

#[sqlx::test]
async fn wrong_tries_are_counted_although_they_are_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let person = world.person("wanjiku", Role::Viewer, None).await;
    let tries = async |password: &str| {
        let code = person.authenticator.code_at(world.clock.now()).unwrap();
        let body = json!({"name": "wanjiku", "password": password, "code": code.expose()});
        world
            .request("POST", "/api/v1/sessions")
            .json(body)
            .ask()
            .await
    };
    for _ in 0..5 {
        assert_eq!(tries("wrong wrong wrong").await.code(), "sign_in_refused");
    }
    let locked = tries(PASSWORD).await;
    assert_eq!((locked.status, locked.code()), (429, "locked"));
    assert_eq!(locked.headers["retry-after"], "60");
    // Nobody learns whether there is such an account.
    let body = json!({"name": "nobody", "password": PASSWORD, "code": "000000"});
    let nobody = world
        .request("POST", "/api/v1/sessions")
        .json(body)
        .ask()
        .await;
    assert_eq!(nobody.code(), "sign_in_refused");
    world.later(60);
    tries(PASSWORD).await.is(201);
}

#[sqlx::test]
async fn a_password_is_changed_by_who_knows_it(pool: PgPool) {
    let world = World::new(pool).await;
    let person = world.person("wanjiku", Role::Viewer, None).await;
    let changes = async |present: &str, new: &str| {
        let body = json!({"present": present, "new": new});
        world
            .request("PUT", "/api/v1/me/password")
            .by(&person)
            .json(body)
            .ask()
            .await
    };
    assert_eq!(
        changes("wrong wrong wrong", "nane-kumi-pikipiki-taa")
            .await
            .field(),
        "present"
    );
    assert_eq!(changes(PASSWORD, PASSWORD).await.field(), "new");
    changes(PASSWORD, "nane-kumi-pikipiki-taa").await.is(204);
    assert_eq!(world.actions().await, ["staff.password"]);
}
