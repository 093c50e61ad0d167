-- What the person in trouble tells and wants: several reports of one event, a way to stop an alarm, riders who offer help.

alter table emergency
    -- Grows with each change of what the reporter told. Each state of it is told once.
    add column changes   integer not null default 0 check (changes >= 0),
    -- Stopped by somebody who was made to: the phone shows a stopped alarm, and everybody else is told the truth.
    add column duress_at timestamptz,
    drop constraint emergency_joined,
    -- An ended report keeps the case it ended with.
    add constraint emergency_joined check (state <> 'joined' or joined_to is not null),
    add constraint emergency_alone  check (joined_to is null or state in ('joined', 'resolved', 'closed', 'cancelled'));

-- A case that its reporter was made to stop no longer stands in the way of a new one of that phone.
drop index emergency_open_per_phone;
create unique index emergency_open_per_phone on emergency (msisdn)
    where state in ('reported', 'acknowledged', 'responding', 'joined') and duress_at is null;
create index emergency_joined_to on emergency (joined_to) where joined_to is not null;
create index emergency_of_phone on emergency (msisdn, raised_at);

-- A report joins a case that somebody still waits for, and that is not joined itself. The lock keeps that one from ending
-- unseen in the same moment.
create function report_joins_an_open_case() returns trigger language plpgsql as $$
begin
    perform 1 from emergency where id = new.joined_to and state in ('reported', 'acknowledged', 'responding') for share;
    if not found then
        raise exception 'emergency % is joined to one that is over', new.id
            using errcode = '23514', constraint = 'emergency_joins_open';
    end if;
    if exists (select 1 from emergency where joined_to = new.id and state = 'joined') then
        raise exception 'emergency % has reports of its own', new.id
            using errcode = '23514', constraint = 'emergency_joins_flat';
    end if;
    return new;
end $$;
create trigger joins_open before update on emergency for each row
    when (new.state = 'joined' and (old.state <> 'joined' or new.joined_to is distinct from old.joined_to))
    execute function report_joins_an_open_case();

-- Whoever waits with a case is not left behind when it is over.
create function case_takes_its_reports_along() returns trigger language plpgsql as $$
begin
    update emergency
       set state = new.state, resolved_at = coalesce(new.resolved_at, resolved_at), closed_at = new.closed_at,
           outcome = new.outcome, look_at = null
     where joined_to = new.id and state in ('joined', 'resolved') and state <> new.state;
    return null;
end $$;
create trigger takes_along after update on emergency for each row
    when (old.state <> new.state and new.state in ('resolved', 'closed', 'cancelled'))
    execute function case_takes_its_reports_along();

-- Members who come to help when somebody of their stage is in trouble.
create table helper (
    member_id uuid primary key references member,
    -- May be asked at night too.
    nights    boolean not null,
    since     timestamptz not null
);
