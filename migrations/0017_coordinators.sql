-- The people who answer: what a phone was alerted to, and who is on duty.

create index emergency_alert_phone on emergency_alert (msisdn, alerted_at desc);
create index stage_role_member on stage_role (member_id);
create index emergency_resolved_at on emergency (resolved_at) where state = 'resolved';

-- Somebody asks another to take over their duty at a stage. It changes hands when the other says yes.
create table duty_swap (
    id          uuid primary key,
    stage_id    integer not null references stage,
    from_member uuid not null references member,
    to_member   uuid not null references member,
    asked_at    timestamptz not null,
    ended_at    timestamptz,
    outcome     text check (outcome in ('agreed', 'refused', 'expired')),
    check (from_member <> to_member),
    check ((ended_at is null) = (outcome is null))
);
-- One is asked at a time, by each and at each stage.
create unique index duty_swap_open on duty_swap (stage_id, from_member) where ended_at is null;
create index duty_swap_to on duty_swap (to_member) where ended_at is null;

-- A time in which nobody was on duty at a stage. Its officials are warned once in each.
create table duty_gap (
    stage_id integer not null references stage,
    since    timestamptz not null,
    ended_at timestamptz,
    primary key (stage_id, since),
    check (ended_at >= since)
);
create unique index duty_gap_open on duty_gap (stage_id) where ended_at is null;

-- The last one at a stage was told that they are, and goes off only by saying so again.
alter table stage_role add column last_warned_at timestamptz;
