-- How a member gets back in: a forgotten PIN, a lost SIM, a new number. Nobody lets anybody in alone.

create table pin_reset (
    id         uuid primary key,
    -- The hop that asked, or whoever of the staff asked first.
    key        text not null unique check (length(key) between 1 and 200),
    member_id  uuid not null references member,
    asked_at   timestamptz not null,
    -- Until when people may answer; once granted, until when the new PIN may be chosen.
    expires_at timestamptz not null,
    state      text not null default 'open' check (state in ('open', 'granted', 'used', 'refused', 'stopped', 'expired')),
    granted_at timestamptz,
    ended_at   timestamptz,
    check (expires_at > asked_at),
    check (state <> 'granted' or granted_at is not null),
    check (state <> 'used' or granted_at is not null),
    check ((ended_at is null) = (state in ('open', 'granted')))
);
create unique index pin_reset_one_open on pin_reset (member_id) where state in ('open', 'granted');

-- Who says that it is the member who asks. The same person counts once.
create table pin_reset_voice (
    reset_id uuid not null references pin_reset,
    -- `official:` and the member id, `staff:` and the name, or `kin`.
    who      text not null check (who ~ '^(official:[0-9a-f-]{36}|staff:[^A-Z]{2,60}|kin)$'),
    says_yes boolean not null,
    at       timestamptz not null,
    primary key (reset_id, who)
);
create trigger append_only before update or delete or truncate on pin_reset_voice
    for each statement execute function refuse_change();
revoke update, delete on pin_reset_voice from kwastage_app;

-- Two officials, or one and the next of kin: the rule stands here, whoever writes the row.
create function pin_reset_moves() returns trigger language plpgsql as $$
declare officials integer; kin integer;
begin
    if new.member_id <> old.member_id or new.asked_at <> old.asked_at or new.key <> old.key
        or (new.state <> old.state and not (
            (old.state = 'open' and new.state in ('granted', 'refused', 'stopped', 'expired'))
            or (old.state = 'granted' and new.state in ('used', 'stopped', 'expired')))) then
        raise exception 'a PIN reset cannot go from % to %', old.state, new.state
            using errcode = '23514', constraint = 'pin_reset_forward';
    end if;
    if new.state = 'granted' and old.state <> 'granted' then
        select count(*) filter (where who <> 'kin' and who <> 'official:' || new.member_id), count(*) filter (where who = 'kin')
            into officials, kin from pin_reset_voice where reset_id = new.id and says_yes;
        if officials < 1 or officials + kin < 2 then
            raise exception 'a PIN reset takes two people' using errcode = '23514', constraint = 'pin_reset_two_people';
        end if;
    end if;
    return new;
end $$;
create trigger moves_forward before update on pin_reset for each row execute function pin_reset_moves();

create table phone_change (
    id         uuid primary key,
    key        text not null unique check (length(key) between 1 and 200),
    member_id  uuid not null references member,
    old_msisdn text not null check (old_msisdn ~ '^254[17][0-9]{8}$'),
    new_msisdn text not null check (new_msisdn ~ '^254[17][0-9]{8}$'),
    asked_from text not null check (asked_from in ('new_phone', 'old_phone', 'staff')),
    -- The two of the staff who have seen the member.
    first_by   text check (length(first_by) between 2 and 60),
    second_by  text check (length(second_by) between 2 and 60),
    asked_at   timestamptz not null,
    -- Until when it may be confirmed: by the new phone, or by the second of the staff.
    expires_at timestamptz not null,
    -- Until then the old phone can stop it.
    due_at     timestamptz,
    state      text not null check (state in ('asked', 'cooling', 'done', 'stopped', 'taken', 'expired')),
    ended_at   timestamptz,
    check (old_msisdn <> new_msisdn),
    check (expires_at > asked_at),
    check (state not in ('cooling', 'done', 'taken') or due_at > asked_at),
    check ((ended_at is null) = (state in ('asked', 'cooling'))),
    check ((asked_from = 'staff') = (first_by is not null)),
    constraint phone_change_two_staff check (second_by is null or second_by <> first_by),
    constraint phone_change_confirmed
        check (asked_from <> 'staff' or state not in ('cooling', 'done', 'taken') or second_by is not null)
);
create unique index phone_change_one_open on phone_change (member_id) where state in ('asked', 'cooling');
create unique index phone_change_one_claim on phone_change (new_msisdn) where state in ('asked', 'cooling');
create index phone_change_due on phone_change (due_at) where state = 'cooling';

-- Tries to be taken for a member from a number nobody knows, right ones too. Counted before anything is looked at.
create table phone_claim_try (
    id        bigint generated always as identity primary key,
    msisdn    text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    member_id uuid references member,
    at        timestamptz not null
);
create index phone_claim_try_phone on phone_claim_try (msisdn, at);
create index phone_claim_try_member on phone_claim_try (member_id, at) where member_id is not null;

-- Since when a refused rider has to wait before asking again.
alter table member add column refused_at timestamptz;
update member set refused_at = joined_at where status = 'refused';
alter table member add constraint member_refused_at check ((refused_at is not null) = (status = 'refused'));
