use super::*;

#[sqlx::test]
async fn a_rider_joins_and_is_pending(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 9, &stage).await;

    let mut conn = pool.acquire().await.unwrap();
    let member = load(&mut conn, id).await.unwrap().unwrap();
    assert_eq!(
        (&member.msisdn, &member.status, member.joined_at),
        (&phone(9), &Status::Pending, morning())
    );
    assert_eq!(
        (
            member.first_name.as_str(),
            member.last_name.as_str(),
            member.stage
        ),
        ("Zawadi", "Kiplagat", stage.id)
    );
    assert_eq!((member.number, member.fee_paid_at), (None, None));
    assert_eq!(
        kin_of(&mut conn, id).await.unwrap(),
        Some(rider(9, &stage).kin)
    );
    assert_eq!(pending(&mut conn).await.unwrap(), [member]);
    let consent = sqlx::query!("select text_version, language, channel, session_id, given_at from consent where member_id = $1", id.0)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(
        (
            consent.text_version.as_str(),
            consent.language.as_str(),
            consent.channel.as_str()
        ),
        ("2026-01", "sw", "ussd")
    );
    assert_eq!(
        (consent.session_id.as_str(), consent.given_at),
        ("ATUid_9", morning())
    );
    assert_eq!(event_names(&pool, id).await, ["member.joined"]);
}

#[sqlx::test]
async fn the_same_hop_again_finds_the_same_member(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 9, &stage).await;
    let mut work = work(&pool, morning()).await;
    // A repeat that was rebuilt from its transcript has another id, and perhaps another verifier; the hop is the same.
    let again = Join {
        id: MemberId(Uuid::from_u128(99)),
        ..rider(9, &stage)
    };
    assert_eq!(
        join(&mut work, &keys(), again).await.unwrap(),
        Joined { id, repeated: true }
    );
    work.commit().await.unwrap();
    assert_eq!(event_names(&pool, id).await, ["member.joined"]);
    assert_eq!(
        sqlx::query_scalar!("select count(*) from consent")
            .fetch_one(&pool)
            .await
            .unwrap(),
        Some(1)
    );
}

#[sqlx::test]
async fn a_phone_or_a_card_belongs_to_one_member(pool: PgPool) {
    let stage = kencom(&pool).await;
    joined(&pool, 9, &stage).await;
    let mut work = work(&pool, morning()).await;
    let same_phone = Join {
        msisdn: phone(9),
        ..rider(10, &stage)
    };
    assert!(matches!(
        join(&mut work, &keys(), same_phone).await,
        Err(JoinError::AlreadyMember)
    ));
    let same_card = Join {
        national_id: card(9),
        ..rider(10, &stage)
    };
    assert!(matches!(
        join(&mut work, &keys(), same_card).await,
        Err(JoinError::NationalIdTaken)
    ));
    let same_id = Join {
        id: rider(9, &stage).id,
        ..rider(10, &stage)
    };
    assert!(matches!(
        join(&mut work, &keys(), same_id).await,
        Err(JoinError::Fault(_))
    ));
    // A refusal has spoilt nothing: the rider corrects the card and goes on in the same work.
    assert!(join(&mut work, &keys(), rider(10, &stage)).await.is_ok());
}

#[sqlx::test]
async fn of_two_who_come_with_one_card_at_once_one_joins(pool: PgPool) {
    let stage = kencom(&pool).await;
    let attempt = async |n: u32| {
        let mut work = work(&pool, morning()).await;
        let outcome = join(
            &mut work,
            &keys(),
            Join {
                national_id: card(1),
                ..rider(n, &stage)
            },
        )
        .await;
        work.commit().await.unwrap();
        outcome
    };
    let outcomes = tokio::join!(attempt(1), attempt(2), attempt(3), attempt(4));
    let outcomes = [outcomes.0, outcomes.1, outcomes.2, outcomes.3];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(JoinError::NationalIdTaken)))
            .count(),
        3
    );
}

#[sqlx::test]
async fn one_hop_delivered_many_times_at_once_joins_once(pool: PgPool) {
    let stage = kencom(&pool).await;
    let attempt = async || {
        let mut work = work(&pool, morning()).await;
        let joined = join(&mut work, &keys(), rider(1, &stage)).await.unwrap();
        work.commit().await.unwrap();
        joined.repeated
    };
    let (a, b, c) = tokio::join!(attempt(), attempt(), attempt());
    assert_eq!([a, b, c].iter().filter(|repeated| **repeated).count(), 2);
}

#[sqlx::test]
async fn a_join_that_is_not_committed_leaves_the_card_free(pool: PgPool) {
    let stage = kencom(&pool).await;
    let mut dropped = work(&pool, morning()).await;
    join(&mut dropped, &keys(), rider(1, &stage)).await.unwrap();
    let mut waiting = work(&pool, morning()).await;
    let keys = keys();
    let (outcome, ()) = tokio::join!(
        join(
            &mut waiting,
            &keys,
            Join {
                national_id: card(1),
                ..rider(2, &stage)
            }
        ),
        async {
            drop(dropped);
        }
    );
    assert!(!outcome.unwrap().repeated);
}

#[sqlx::test]
async fn nobody_joins_at_a_stage_that_is_not_there(pool: PgPool) {
    let stage = Stage {
        id: stages::StageId(404),
        ..kencom(&pool).await
    };
    let mut work = work(&pool, morning()).await;
    assert!(matches!(
        join(&mut work, &keys(), rider(1, &stage)).await,
        Err(JoinError::Fault(_))
    ));
}

#[sqlx::test]
async fn the_card_is_nowhere_to_be_read(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 9, &stage).await;
    let row = sqlx::query_scalar!(
        r#"select row_to_json(member)::text as "row!" from member where id = $1"#,
        id.0
    )
    .fetch_one(&pool)
    .await;
    let row = row.unwrap();
    let digits = "20000009";
    assert!(
        !row.contains(digits) && !row.contains(&hex::encode(digits)),
        "{row}"
    );
    let mut conn = pool.acquire().await.unwrap();
    let owner = pin_owner(&mut conn, &keys(), id).await.unwrap().unwrap();
    assert!(matches!(
        StrongPin::choose(Secret::new("2000"), &owner),
        Err(WeakPin::Year)
    ));
    assert!(matches!(
        StrongPin::choose(Secret::new("0009"), &owner),
        Err(WeakPin::PhoneNumber)
    ));
    assert!(matches!(
        StrongPin::choose(Secret::new("0000"), &owner),
        Err(WeakPin::Repeats)
    ));
}

#[sqlx::test]
async fn a_card_moved_to_another_row_does_not_open(pool: PgPool) {
    let stage = kencom(&pool).await;
    let (one, two) = (
        joined(&pool, 1, &stage).await,
        joined(&pool, 2, &stage).await,
    );
    let mut conn = pool.acquire().await.unwrap();
    assert!(pin_owner(&mut conn, &keys(), one).await.is_ok());
    sqlx::query!(
        "update member set national_id_sealed = other.national_id_sealed
         from member as other where member.id <> other.id and member.id = any($1) and other.id = any($1)",
        &[one.0, two.0]
    )
    .execute(&pool)
    .await
    .unwrap();
    for id in [one, two] {
        let error = pin_owner(&mut conn, &keys(), id).await.unwrap_err();
        assert!(
            error.to_string().contains("does not open in this row"),
            "{error}"
        );
    }
}

#[sqlx::test]
async fn a_fee_is_noted_once(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let (payment, another) = (Uuid::from_u128(71), Uuid::from_u128(72));
    let mut work = work(&pool, morning()).await;
    assert_eq!(
        fee_paid(&mut work, id, payment).await.unwrap(),
        FeePaid::Now {
            status: StatusWord::Pending
        }
    );
    assert_eq!(
        fee_paid(&mut work, id, payment).await.unwrap(),
        FeePaid::Repeated
    );
    assert_eq!(
        fee_paid(&mut work, id, another).await.unwrap(),
        FeePaid::PaidBefore { payment }
    );
    work.commit().await.unwrap();
    assert_eq!(
        event_names(&pool, id).await,
        ["member.joined", "member.fee_paid"]
    );
}

#[sqlx::test]
async fn one_payment_is_the_fee_of_one_member(pool: PgPool) {
    let stage = kencom(&pool).await;
    let (one, two) = (
        joined(&pool, 1, &stage).await,
        joined(&pool, 2, &stage).await,
    );
    let mut work = work(&pool, morning()).await;
    fee_paid(&mut work, one, Uuid::from_u128(71)).await.unwrap();
    assert!(fee_paid(&mut work, two, Uuid::from_u128(71)).await.is_err());
}

#[sqlx::test]
async fn the_history_names_no_person(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 9, &stage).await;
    let mut work = work(&pool, morning()).await;
    fee_paid(&mut work, id, Uuid::from_u128(71)).await.unwrap();
    approve(&mut work, &Who::Id(id), Fee::MustBePaid)
        .await
        .unwrap();
    change_kin(&mut work, id, &rider(9, &stage).kin)
        .await
        .unwrap();
    change_language(&mut work, &phone(9), Language::ENGLISH)
        .await
        .unwrap();
    change_pin(&mut work, id, &rider(9, &stage).pin_verifier)
        .await
        .unwrap();
    appoint(&mut work, id, stage.id, Role::Coordinator)
        .await
        .unwrap();
    number_pending(&mut work).await.unwrap();
    work.commit().await.unwrap();
    let bodies = sqlx::query_scalar!(
        r#"select string_agg(actor::text || body::text, ' ') as "bodies!" from event"#
    )
    .fetch_one(&pool)
    .await;
    let bodies = bodies.unwrap();
    for personal in [
        "711000009",
        "0722333444",
        "722333444",
        "20000009",
        "Zawadi",
        "Kiplagat",
        "Baraka",
        "argon2id",
    ] {
        assert!(!bodies.contains(personal), "{personal} in {bodies}");
    }
}
