-- What riders agree to pay and how they are reminded of it, what is forgiven, what a fund pays for, and the months of its book.

-- A plan that has begun stays for ever; one that has not can be taken back, and another takes its day.
alter table plan add column withdrawn_at timestamptz;
alter table plan drop constraint plan_stage_id_category_starts_on_key;
create unique index plan_one_a_day on plan (stage_id, category, starts_on) where withdrawn_at is null;

create function keep_plan() returns trigger language plpgsql as $$
begin
    raise exception 'a plan is withdrawn, never changed' using errcode = '23514', constraint = 'plan_is_kept';
end $$;
create trigger plan_is_kept before update on plan
    for each row when (old.withdrawn_at is not null
        or (old.id, old.stage_id, old.category, old.period, old.cents, old.starts_on)
           is distinct from (new.id, new.stage_id, new.category, new.period, new.cents, new.starts_on))
    execute function keep_plan();
create trigger append_only before delete or truncate on plan
    for each statement execute function refuse_change();
revoke delete on plan from kwastage_app;

-- Somebody in charge forgave arrears: of one member, or of everybody at a stage.
create table forgiveness (
    -- The deed's own name: the same again is the same.
    id        uuid primary key,
    stage_id  integer not null references stage,
    -- Null for everybody at the stage.
    member_id uuid references member,
    -- At most so much of each one's arrears, or all that fell due up to a day.
    cents     bigint check (cents between 100 and 100000000),
    through   date,
    reason    text not null check (length(reason) between 5 and 120),
    by_member uuid references member,
    by_staff  text check (length(by_staff) between 1 and 60),
    at        timestamptz not null,
    constraint amount_or_period check ((cents is null) <> (through is null)),
    constraint somebody_forgives check ((by_member is null) <> (by_staff is null)),
    constraint nobody_forgives_himself check (member_id <> by_member),
    unique nulls not distinct (id, by_member)
);
create index forgiveness_stage on forgiveness (stage_id, at desc);

-- What that came to for each member.
create table waiver (
    forgiveness_id uuid not null references forgiveness,
    member_id      uuid not null references member,
    cents          bigint not null check (cents > 0),
    -- As the forgiveness has it, so that the rule stands here too for whoever forgave a whole stage.
    by_member      uuid,
    primary key (forgiveness_id, member_id),
    foreign key (forgiveness_id, by_member) references forgiveness (id, by_member),
    constraint nobody_is_forgiven_by_himself check (member_id <> by_member)
);
create index waiver_member on waiver (member_id) include (cents);

create function same_forgiver() returns trigger language plpgsql as $$
begin
    -- The foreign key says nothing about a null.
    if new.by_member is distinct from (select by_member from forgiveness where id = new.forgiveness_id) then
        raise exception 'a waiver names who forgave' using errcode = '23514', constraint = 'same_forgiver';
    end if;
    return new;
end $$;
create trigger same_forgiver before insert on waiver for each row execute function same_forgiver();
create trigger append_only before update or delete or truncate on forgiveness
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on waiver
    for each statement execute function refuse_change();
revoke update, delete on forgiveness, waiver from kwastage_app;

-- What a member chose about the due days, each time, with the words they agreed to.
create table schedule_choice (
    id        bigint generated always as identity primary key,
    member_id uuid not null references member,
    mode      text not null check (mode in ('off', 'remind', 'push')),
    words     text not null check (length(words) between 3 and 300),
    language  text not null check (language ~ '^[a-z]{2}$'),
    channel   text not null check (channel in ('ussd', 'sms', 'staff')),
    -- The hop or the text that chose: the same again is the same choice.
    key       text not null unique check (length(key) between 1 and 200),
    -- A push is agreed to with the PIN, and a PIN is typed behind the code alone.
    with_pin  boolean not null,
    at        timestamptz not null,
    constraint push_needs_the_pin check (mode <> 'push' or (with_pin and channel = 'ussd')),
    unique (id, member_id, mode)
);
create trigger append_only before update or delete or truncate on schedule_choice
    for each statement execute function refuse_change();
revoke update, delete on schedule_choice from kwastage_app;

-- How it stands: the latest choice. Whoever asks for money or stops it holds this row.
create table payment_schedule (
    member_id uuid primary key references member,
    mode      text not null,
    choice_id bigint not null,
    -- Due days before this one are not its business.
    since     date not null,
    look_at   timestamptz,
    foreign key (choice_id, member_id, mode) references schedule_choice (id, member_id, mode),
    constraint off_is_not_looked_at check ((mode = 'off') = (look_at is null))
);
create index payment_schedule_due on payment_schedule (look_at) where look_at is not null;

-- What was done about a due day: reminded, asked by M-PESA (three times at most), given up.
create table schedule_step (
    member_id uuid not null references member,
    due_on    date not null,
    step      text not null check (step in ('reminded', 'pushed', 'gave_up')),
    try       smallint not null,
    -- The Nairobi day on which it was done.
    day       date not null check (day >= due_on),
    cents     bigint not null check (cents > 0),
    -- The payment that was asked for.
    payment   uuid unique,
    -- The consent it was done under.
    choice_id bigint not null references schedule_choice,
    at        timestamptz not null,
    primary key (member_id, due_on, step, try),
    constraint one_a_day unique (member_id, step, day),
    constraint three_tries check (case step when 'pushed' then try between 1 and 3 else try = 1 end),
    constraint a_push_is_a_payment check ((step = 'pushed') = (payment is not null))
);
create trigger append_only before update or delete or truncate on schedule_step
    for each statement execute function refuse_change();
revoke update, delete on schedule_step from kwastage_app;

-- When a member's arrears are looked at next, and when they were last reminded of them.
create table arrears_watch (
    member_id   uuid primary key references member,
    look_at     timestamptz not null,
    reminded_at timestamptz
);
create index arrears_watch_due on arrears_watch (look_at);

-- What a fund pays when something happens. A stage's own rule stands before everybody's (no stage); the latest that has begun counts.
create table fund_rule (
    id           integer generated always as identity primary key,
    stage_id     integer references stage,
    event        text not null check (event in ('accident', 'sickness', 'death', 'family_death', 'theft')),
    -- The most that is paid each time; nothing where a stage does not pay for it.
    cents        bigint not null check (cents between 0 and 100000000),
    times_a_year smallint not null check (times_a_year between 1 and 12),
    from_day     date not null,
    unique nulls not distinct (stage_id, event, from_day)
);
create trigger append_only before update or delete or truncate on fund_rule
    for each statement execute function refuse_change();
revoke update, delete on fund_rule from kwastage_app;

-- To begin with; a SACCO sets its own with `kwastage funds rule`.
insert into fund_rule (stage_id, event, cents, times_a_year, from_day) values
    (null, 'accident',      500000, 2, '2026-01-01'),
    (null, 'sickness',      300000, 2, '2026-01-01'),
    (null, 'death',        2000000, 1, '2026-01-01'),
    (null, 'family_death', 1000000, 2, '2026-01-01'),
    (null, 'theft',         300000, 1, '2026-01-01');

-- A payment out of a fund that its riders are told of: once.
create table fund_announcement (
    movement_id bigint primary key references fund_movement,
    id          uuid not null unique,
    stage_id    integer not null references stage,
    member_id   uuid not null references member,
    cents       bigint not null check (cents > 0),
    balance     bigint not null,
    at          timestamptz not null,
    -- How far the writing has come, in the order of members' ids, and when it came to its end.
    written_to  uuid,
    written_at  timestamptz
);
create index fund_announcement_open on fund_announcement (at) where written_at is null;
create index fund_movement_support on fund_movement (at) where what = 'support';

-- The months of a fund's book, each with the hash of its lines and of the month before. Nothing in it can be changed unseen.
create table fund_month (
    stage_id  integer not null references stage,
    month     date not null check (extract(day from month) = 1),
    lines     integer not null check (lines >= 0),
    opening   bigint not null,
    cents_in  bigint not null check (cents_in >= 0),
    cents_out bigint not null check (cents_out >= 0),
    closing   bigint not null,
    hash      bytea not null check (octet_length(hash) = 32),
    -- The hash of the month before; nothing for the first.
    previous  bytea,
    closed_at timestamptz not null,
    primary key (stage_id, month),
    constraint adds_up check (closing = opening + cents_in - cents_out),
    unique (stage_id, hash),
    constraint one_after_the_other unique nulls not distinct (stage_id, previous),
    constraint chained foreign key (stage_id, previous) references fund_month (stage_id, hash)
);
create trigger append_only before update or delete or truncate on fund_month
    for each statement execute function refuse_change();
revoke update, delete on fund_month from kwastage_app;
