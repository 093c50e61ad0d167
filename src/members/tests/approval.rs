use super::*;

#[sqlx::test]
async fn with_the_fee_paid_an_approval_makes_active(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let later = at("2026-03-03T06:00:00Z");
    let mut work = work(&pool, later).await;
    fee_paid(&mut work, id, Uuid::from_u128(71)).await.unwrap();
    let approved = approve(&mut work, &Who::Phone(phone(1)), Fee::MustBePaid)
        .await
        .unwrap();
    assert_eq!(
        (approved.id, approved.status, approved.language),
        (id, StatusWord::Active, Language::SWAHILI)
    );
    assert_eq!(
        (approved.first_name.as_str(), approved.msisdn),
        ("Zawadi", phone(1))
    );
    assert_eq!(
        load(work.conn(), id).await.unwrap().unwrap().status,
        Status::Active { approved_at: later }
    );
    assert!(pending(work.conn()).await.unwrap().is_empty());
    work.commit().await.unwrap();
    assert_eq!(
        event_names(&pool, id).await,
        ["member.joined", "member.fee_paid", "member.approved"]
    );
}

#[sqlx::test]
async fn without_the_fee_an_approval_waits_unless_staff_say_otherwise(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let mut work = work(&pool, morning()).await;
    let refused = approve(&mut work, &Who::Id(id), Fee::MustBePaid).await;
    assert!(matches!(
        refused,
        Err(ApproveError::Refused(ApprovalRefused::FeeNotPaid))
    ));
    assert_eq!(
        approve(&mut work, &Who::Id(id), Fee::MayFollow)
            .await
            .unwrap()
            .status,
        StatusWord::Approved
    );
    assert_eq!(
        fee_paid(&mut work, id, Uuid::from_u128(71)).await.unwrap(),
        FeePaid::Now {
            status: StatusWord::Active
        }
    );
    assert_eq!(
        load(work.conn(), id).await.unwrap().unwrap().status,
        Status::Active {
            approved_at: morning()
        }
    );
}

#[sqlx::test]
async fn of_two_who_decide_at_once_one_decides(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let yes = async {
        let mut work = work(&pool, morning()).await;
        let decided = approve(&mut work, &Who::Id(id), Fee::MayFollow)
            .await
            .is_ok();
        work.commit().await.unwrap();
        decided
    };
    let no = async {
        let mut work = work(&pool, morning()).await;
        let decided = refuse(
            &mut work,
            &Who::Id(id),
            Reason::parse("Not at this stage").unwrap(),
        )
        .await
        .is_ok();
        work.commit().await.unwrap();
        decided
    };
    let (approved, refused) = tokio::join!(yes, no);
    assert!(approved ^ refused, "approved {approved}, refused {refused}");
    assert_eq!(event_names(&pool, id).await.len(), 2);
}

#[sqlx::test]
async fn a_refusal_carries_its_reason_to_the_rider(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let reason = Reason::parse("The stage officials do not know you").unwrap();
    let mut work = work(&pool, morning()).await;
    fee_paid(&mut work, id, Uuid::from_u128(71)).await.unwrap();
    let refused = refuse(&mut work, &Who::Phone(phone(1)), reason.clone())
        .await
        .unwrap();
    assert_eq!(
        (
            refused.id,
            &refused.reason,
            refused.fee_was_paid,
            refused.msisdn
        ),
        (id, &reason, true, phone(1))
    );
    assert_eq!(
        load(work.conn(), id).await.unwrap().unwrap().status,
        Status::Refused {
            reason: reason.clone()
        }
    );
    let again = refuse(&mut work, &Who::Id(id), reason).await;
    assert!(matches!(
        again,
        Err(RefuseError::NotPending(StatusWord::Refused))
    ));
    let approved = approve(&mut work, &Who::Id(id), Fee::MayFollow).await;
    assert!(matches!(
        approved,
        Err(ApproveError::Refused(ApprovalRefused::NotPending(
            StatusWord::Refused
        )))
    ));
}

#[sqlx::test]
async fn nobody_is_nobody(pool: PgPool) {
    let mut work = work(&pool, morning()).await;
    assert!(matches!(
        approve(&mut work, &Who::Phone(phone(1)), Fee::MayFollow).await,
        Err(ApproveError::NotFound)
    ));
    assert!(matches!(
        refuse(
            &mut work,
            &Who::Phone(phone(1)),
            Reason::parse("x").unwrap()
        )
        .await,
        Err(RefuseError::NotFound)
    ));
    assert!(
        fee_paid(&mut work, MemberId(Uuid::from_u128(1)), Uuid::from_u128(71))
            .await
            .is_err()
    );
}

#[sqlx::test]
async fn coordinators_are_found_at_their_stage(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let mut work = work(&pool, morning()).await;
    for _ in 0..2 {
        appoint(&mut work, id, stage.id, Role::Coordinator)
            .await
            .unwrap();
    }
    let on_duty = officers_on_duty(work.conn(), stage.id, Role::Coordinator)
        .await
        .unwrap();
    assert_eq!(
        on_duty
            .iter()
            .map(|officer| (officer.id, &officer.msisdn))
            .collect::<Vec<_>>(),
        [(id, &phone(1))]
    );
    assert!(
        officers_on_duty(work.conn(), stage.id, Role::Official)
            .await
            .unwrap()
            .is_empty()
    );
    work.commit().await.unwrap();
    assert_eq!(
        event_names(&pool, id).await,
        ["member.joined", "member.appointed"]
    );
}

/// What no deed would do, the database refuses by itself.
#[sqlx::test]
async fn impossible_members_are_refused_by_the_database(pool: PgPool) {
    let stage = kencom(&pool).await;
    joined(&pool, 1, &stage).await;
    for impossible in [
        "update member set status = 'active'",
        "update member set status = 'active', approved_at = now()",
        "update member set status = 'approved'",
        "update member set status = 'refused'",
        "update member set status = 'lapsed'",
        "update member set reason = 'because'",
        "update member set fee_paid_at = now()",
        "update member set number_year = 2026, number_serial = 1",
        "update member set msisdn = '0711000001'",
        "update member set national_id_index = 'x'",
        "insert into pin_guard (member_id, route, failures) select id, 'ussd', -1 from member",
    ] {
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(impossible))
            .execute(&pool)
            .await;
        assert!(refused.is_err(), "{impossible}");
    }
}
