-- Where riders work, who they are, and how they prove it.

create table region (
    id   integer generated always as identity primary key,
    name text not null unique check (length(name) between 2 and 24)
);

create table zone (
    id        integer generated always as identity primary key,
    region_id integer not null references region,
    name      text not null check (length(name) between 2 and 24),
    unique (region_id, name)
);

create table stage (
    id      integer generated always as identity primary key,
    zone_id integer not null references zone,
    code    text not null unique check (code ~ '^[0-9]{3,5}$'),
    name    text not null check (length(name) between 2 and 20),
    unique (zone_id, name)
);

-- What a phone told us before it belonged to a member.
create table caller (
    msisdn   text primary key check (msisdn ~ '^254[17][0-9]{8}$'),
    language text not null check (language ~ '^[a-z]{2}$')
);

create table member (
    id                 uuid primary key,
    -- The hop that asked to join, as session:step. The same hop again finds the same member.
    joining_key        text not null unique check (length(joining_key) between 1 and 200),
    msisdn             text not null unique check (msisdn ~ '^254[17][0-9]{8}$'),
    language           text not null check (language ~ '^[a-z]{2}$'),
    first_name         text not null check (length(first_name) between 1 and 40),
    last_name          text not null check (length(last_name) between 1 and 40),
    -- AES-256-GCM with the row in the associated data; the blind index is a keyed hash and carries the uniqueness.
    national_id_sealed bytea not null check (octet_length(national_id_sealed) between 35 and 64),
    national_id_index  bytea not null unique check (octet_length(national_id_index) = 32),
    birth_date         date,
    address            text check (length(address) <= 120),
    sacco              text check (length(sacco) <= 60),
    category           text not null default 'rider' check (category in ('rider', 'owner', 'official')),
    stage_id           integer not null references stage,
    status             text not null check (status in ('pending', 'approved', 'active', 'suspended', 'refused')),
    -- Why refused or suspended, in words for the member.
    reason             text check (length(reason) between 1 and 120),
    joined_at          timestamptz not null,
    approved_at        timestamptz,
    fee_paid_at        timestamptz,
    fee_payment        uuid unique,
    -- KTS-2026-0001: given after the commit, in batches, without gaps.
    number_year        integer check (number_year between 2020 and 2200),
    number_serial      integer check (number_serial > 0),
    unique (number_year, number_serial),
    check ((number_year is null) = (number_serial is null)),
    check (number_year is null or approved_at is not null),
    check ((approved_at is null) = (status in ('pending', 'refused'))),
    check ((fee_paid_at is null) = (fee_payment is null)),
    check (status <> 'active' or fee_paid_at is not null),
    check ((reason is null) = (status not in ('refused', 'suspended')))
);
create index member_stage on member (stage_id);
create index member_pending on member (joined_at) where status = 'pending';
create index member_unnumbered on member (approved_at, id) where number_serial is null and approved_at is not null;

-- A number is printed on cards and receipts: once given it belongs to one member for ever, and no row that carries one goes away.
create function keep_number() returns trigger language plpgsql as $$
begin
    raise exception 'a member number is given once' using errcode = '23514', constraint = 'number_is_kept';
end $$;

create trigger number_is_kept before update of number_year, number_serial on member
    for each row when (old.number_serial is not null
        and (old.number_year, old.number_serial) is distinct from (new.number_year, new.number_serial))
    execute function keep_number();

create trigger numbered_stays before delete on member
    for each row when (old.number_serial is not null) execute function keep_number();

create table next_of_kin (
    member_id  uuid primary key references member,
    name       text not null check (length(name) between 1 and 40),
    relation   text not null check (length(relation) between 1 and 20),
    msisdn     text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    changed_at timestamptz not null
);

create table consent (
    id           bigint generated always as identity primary key,
    member_id    uuid not null references member,
    text_version text not null check (length(text_version) between 1 and 40),
    language     text not null check (language ~ '^[a-z]{2}$'),
    channel      text not null check (length(channel) between 1 and 20),
    session_id   text not null check (length(session_id) between 1 and 128),
    given_at     timestamptz not null
);
create index consent_member on consent (member_id);

create table member_pin (
    member_id   uuid primary key references member,
    -- argon2id over HMAC(key, member, PIN): worthless without the key, which is never in the database.
    verifier    text not null check (length(verifier) between 40 and 300),
    changed_at  timestamptz not null
);

-- Wrong tries, counted apart for each way in, so that a stranger on one way cannot lock the member out of another.
create table pin_guard (
    member_id    uuid not null references member,
    route        text not null check (length(route) between 1 and 32),
    failures     integer not null default 0 check (failures >= 0),
    locked_until timestamptz,
    primary key (member_id, route)
);

create table stage_role (
    member_id uuid not null references member,
    stage_id  integer not null references stage,
    role      text not null check (role in ('official', 'coordinator')),
    on_duty   boolean not null default true,
    primary key (member_id, stage_id, role)
);
create index stage_role_stage on stage_role (stage_id, role) where on_duty;
