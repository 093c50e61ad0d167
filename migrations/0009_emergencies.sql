-- An emergency is one row the moment the phone shows anything, and its alerts are outbox rows of the same transaction.

create sequence emergency_serial;

create table emergency (
    id        uuid primary key,
    -- E-2026-00042; the serial alone is the short number people text and say.
    year      integer not null check (year between 2020 and 2200),
    serial    bigint not null unique default nextval('emergency_serial'),
    msisdn    text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    member_id uuid references member,
    stage_id  integer references stage,
    kind      text check (kind in ('accident', 'medical', 'death', 'theft', 'mechanical', 'other')),
    place     text check (length(place) between 1 and 160),
    raised_at timestamptz not null,
    state     text not null default 'reported' check (state in ('reported', 'closed')),
    closed_at timestamptz,
    check ((state = 'closed') = (closed_at is not null))
);
-- A phone that raises the alarm again is about the same emergency.
create unique index emergency_open_per_phone on emergency (msisdn) where state = 'reported';

create table emergency_alert (
    emergency_id uuid not null references emergency,
    msisdn       text not null,
    language     text not null,
    alerted_at   timestamptz not null,
    primary key (emergency_id, msisdn)
);
