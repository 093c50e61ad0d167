use super::*;

#[sqlx::test]
async fn a_phone_keeps_its_language_before_and_after_joining(pool: PgPool) {
    let stage = kencom(&pool).await;
    let mut work = work(&pool, morning()).await;
    assert_eq!(caller_language(work.conn(), &phone(1)).await.unwrap(), None);
    assert_eq!(
        at_dial(work.conn(), &phone(1)).await.unwrap(),
        AtDial::Stranger { language: None }
    );

    change_language(&mut work, &phone(1), Language::SWAHILI)
        .await
        .unwrap();
    change_language(&mut work, &phone(1), Language::ENGLISH)
        .await
        .unwrap();
    assert_eq!(
        caller_language(work.conn(), &phone(1)).await.unwrap(),
        Some(Language::ENGLISH)
    );
    assert_eq!(
        at_dial(work.conn(), &phone(1)).await.unwrap(),
        AtDial::Stranger {
            language: Some(Language::ENGLISH)
        }
    );

    let id = join(&mut work, &keys(), rider(1, &stage)).await.unwrap().id;
    assert_eq!(
        caller_language(work.conn(), &phone(1)).await.unwrap(),
        Some(Language::SWAHILI)
    );
    change_language(&mut work, &phone(1), Language::ENGLISH)
        .await
        .unwrap();
    change_language(&mut work, &phone(1), Language::ENGLISH)
        .await
        .unwrap();
    assert_eq!(
        load(work.conn(), id).await.unwrap().unwrap().language,
        Language::ENGLISH
    );
    work.commit().await.unwrap();
    assert_eq!(
        event_names(&pool, id).await,
        ["member.joined", "member.language_changed"]
    );
}

#[sqlx::test]
async fn the_language_a_phone_writes_in_is_kept_until_somebody_chooses_one(pool: PgPool) {
    let mut work = work(&pool, morning()).await;
    for written in [Language::SWAHILI, Language::ENGLISH] {
        note_language(&mut work, &phone(1), written).await.unwrap();
        assert_eq!(
            caller_language(work.conn(), &phone(1)).await.unwrap(),
            Some(Language::SWAHILI)
        );
    }
    change_language(&mut work, &phone(1), Language::ENGLISH)
        .await
        .unwrap();
    note_language(&mut work, &phone(1), Language::SWAHILI)
        .await
        .unwrap();
    assert_eq!(
        caller_language(work.conn(), &phone(1)).await.unwrap(),
        Some(Language::ENGLISH)
    );
}

#[sqlx::test]
async fn a_dial_knows_who_is_on_the_line(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let mut work = work(&pool, morning()).await;
    let expected = DialledMember {
        id,
        first_name: Name::parse("Zawadi").unwrap(),
        last_name: Name::parse("Kiplagat").unwrap(),
        language: Language::SWAHILI,
        status: StatusWord::Pending,
        stage: stage.id,
        stage_code: stage.code.clone(),
        stage_name: "Kencom".into(),
        has_pin: true,
        fee_paid: false,
        number: None,
        coordinates: false,
        is_official: false,
        refused_at: None,
    };
    assert_eq!(
        at_dial(work.conn(), &phone(1)).await.unwrap(),
        AtDial::Member(Box::new(expected.clone()))
    );

    fee_paid(&mut work, id, Uuid::from_u128(71)).await.unwrap();
    approve(&mut work, &Who::Id(id), Fee::MustBePaid)
        .await
        .unwrap();
    number_pending(&mut work).await.unwrap();
    sqlx::query!("delete from member_pin")
        .execute(work.conn())
        .await
        .unwrap();
    let number = MemberNumber::new(2026, 1).ok();
    let active = DialledMember {
        status: StatusWord::Active,
        has_pin: false,
        fee_paid: true,
        number,
        ..expected
    };
    assert_eq!(
        at_dial(work.conn(), &phone(1)).await.unwrap(),
        AtDial::Member(Box::new(active))
    );
}

#[sqlx::test]
async fn a_new_next_of_kin_takes_the_place_of_the_old_one(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = joined(&pool, 1, &stage).await;
    let mut work = work(&pool, morning()).await;
    let kin = Kin {
        name: Name::parse("Neema Kiplagat").unwrap(),
        relation: Relation::parse("dada").unwrap(),
        msisdn: Msisdn::parse("0733444555").unwrap(),
    };
    change_kin(&mut work, id, &kin).await.unwrap();
    assert_eq!(kin_of(work.conn(), id).await.unwrap(), Some(kin));
    work.commit().await.unwrap();
    assert_eq!(
        event_names(&pool, id).await,
        ["member.joined", "member.kin_changed"]
    );
}
