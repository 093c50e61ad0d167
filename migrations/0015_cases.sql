-- A case from its alarm to its end: how it stands, who is on it, what happened when.

alter table emergency
    drop constraint emergency_state_check,
    drop constraint emergency_check,
    add column priority        text not null default 'high' check (priority in ('critical', 'high', 'medium', 'low')),
    add column injured         integer check (injured between 0 and 500),
    -- Nothing on the reporter's phone may show that an alarm was raised.
    add column silent          boolean not null default false,
    -- How many people are wanted on the spot.
    add column needed          integer not null default 1 check (needed between 1 and 50),
    add column acknowledged_at timestamptz,
    add column responding_at   timestamptz,
    add column resolved_at     timestamptz,
    -- What the one who ended it said.
    add column outcome         text check (length(outcome) between 1 and 160),
    -- Told of the same event as another case: that one is answered, and this one waits with it.
    add column joined_to       uuid references emergency,
    -- When the clock looks at the case again; null when nothing is waited for.
    add column look_at         timestamptz,
    add constraint emergency_state_check
        check (state in ('reported', 'acknowledged', 'responding', 'resolved', 'closed', 'cancelled', 'joined')),
    add constraint emergency_ended check ((state in ('closed', 'cancelled')) = (closed_at is not null)),
    add constraint emergency_joined check ((state = 'joined') = (joined_to is not null)),
    add constraint emergency_joined_to_another check (joined_to <> id),
    add constraint emergency_answered check (state not in ('acknowledged', 'responding') or acknowledged_at is not null),
    add constraint emergency_resolved check (state <> 'resolved' or resolved_at is not null);

drop index emergency_open_per_phone;
create unique index emergency_open_per_phone on emergency (msisdn)
    where state in ('reported', 'acknowledged', 'responding', 'joined');
create index emergency_open on emergency (stage_id, raised_at) where state in ('reported', 'acknowledged', 'responding');
create index emergency_look on emergency (look_at) where look_at is not null;

-- One digit is an answer (`1`: I am coming), so no case is numbered with one.
select setval('emergency_serial', greatest(nextval('emergency_serial'), 10), true);

alter table emergency_alert
    add column name      text check (length(name) between 1 and 40),
    add column member_id uuid references member,
    -- How far the alarm had reached when this phone was first alerted.
    add column rung      text not null default 'stage' check (rung in ('stage', 'zone', 'region', 'duty_desk', 'nearby')),
    add column times     integer not null default 1 check (times > 0),
    -- Said that they cannot come.
    add column declined_at timestamptz;

-- Who is on a case.
create table responder (
    emergency_id uuid not null references emergency,
    msisdn       text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    member_id    uuid references member,
    first_name   text not null check (length(first_name) between 1 and 40),
    language     text not null check (language ~ '^[a-z]{2}$'),
    accepted_at  timestamptz not null,
    -- Minutes to the place, as they said.
    minutes      integer check (minutes between 0 and 600),
    arrived_at   timestamptz,
    -- Handed the case over, or was released from it.
    left_at      timestamptz,
    primary key (emergency_id, msisdn)
);
create index responder_phone on responder (msisdn) where left_at is null;

-- The case file: what happened, in order. Messages and calls about a case carry its id themselves.
create table case_entry (
    id           bigint generated always as identity primary key,
    emergency_id uuid not null references emergency,
    at           timestamptz not null,
    what         text not null check (what ~ '^[a-z_]{3,40}$'),
    -- Whose doing it was; null: the house's own.
    msisdn       text check (msisdn ~ '^254[17][0-9]{8}$'),
    said         text check (length(said) between 1 and 300)
);
create index case_entry_of on case_entry (emergency_id, id);

create function case_file_is_kept() returns trigger language plpgsql as $$
begin
    raise exception 'a case file is only added to' using errcode = '23514', constraint = 'case_file_is_kept';
end $$;
create trigger case_file_is_kept before update or delete on case_entry for each row execute function case_file_is_kept();

-- An ended case does not begin again; a joined one may be split off.
create function emergency_moves_forward() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and not (
        (old.state = 'reported' and new.state in ('acknowledged', 'responding', 'resolved', 'closed', 'cancelled', 'joined'))
        or (old.state = 'acknowledged' and new.state in ('reported', 'responding', 'resolved', 'closed', 'cancelled'))
        or (old.state = 'responding' and new.state in ('reported', 'acknowledged', 'resolved', 'closed', 'cancelled'))
        or (old.state = 'joined' and new.state in ('reported', 'resolved', 'closed', 'cancelled'))
        or (old.state = 'resolved' and new.state = 'closed')) then
        raise exception 'emergency % cannot go from % to %', old.id, old.state, new.state
            using errcode = '23514', constraint = 'emergency_forward';
    end if;
    return new;
end $$;
create trigger moves_forward before update on emergency for each row execute function emergency_moves_forward();
