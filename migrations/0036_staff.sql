-- People at the desk: who they are, how they prove it, and what they have open.

create table staff_account (
    id           uuid primary key,
    -- What they sign in with.
    name         text not null unique check (name ~ '^[a-z][a-z0-9._-]{2,31}$'),
    role         text not null check (role in ('super_admin', 'admin', 'finance', 'staff', 'assessor', 'stage_official', 'coordinator', 'viewer')),
    -- Officials and coordinators work for one stage and see no other.
    stage_id     integer references stage,
    state        text not null check (state in ('invited', 'active', 'disabled')),
    -- argon2id over HMAC(key, account, password).
    verifier     text check (length(verifier) between 40 and 300),
    -- AES-256-GCM with the row in the associated data.
    totp_sealed  bytea check (octet_length(totp_sealed) between 49 and 128),
    -- SHA-256 of the word an invited person comes with, once.
    invite_hash  bytea unique check (octet_length(invite_hash) = 32),
    invite_until timestamptz,
    created_at   timestamptz not null,
    -- Counts up with each change, for If-Match.
    version      bigint not null default 1 check (version > 0),
    check ((role in ('stage_official', 'coordinator')) = (stage_id is not null)),
    check ((invite_hash is null) = (invite_until is null)),
    check (state <> 'active' or (verifier is not null and totp_sealed is not null and invite_hash is null))
);

-- Every password an account ever had, so that the last ones are not taken again.
create table staff_password (
    id         bigint generated always as identity primary key,
    account_id uuid not null references staff_account,
    verifier   text not null check (length(verifier) between 40 and 300),
    set_at     timestamptz not null
);
create index staff_password_account on staff_password (account_id, id desc);

-- A step of the authenticator counts once: who has seen a code over a shoulder cannot use it again.
create table staff_totp_step (
    account_id uuid not null references staff_account,
    step       bigint not null check (step > 0),
    used_at    timestamptz not null,
    primary key (account_id, step)
);

-- Wrong tries, counted apart for each address they come from, and all together under 'anywhere' with more patience, so that a
-- stranger cannot easily lock the owner out.
create table staff_guard (
    account_id   uuid not null references staff_account,
    source       text not null check (length(source) between 1 and 64),
    failures     integer not null default 0 check (failures >= 0),
    locked_until timestamptz,
    primary key (account_id, source)
);

-- A family of refresh tokens. It ends once, for good.
create table staff_session (
    id         uuid primary key,
    account_id uuid not null references staff_account,
    began_at   timestamptz not null,
    ends_at    timestamptz not null,
    ended_at   timestamptz,
    ended_by   text check (ended_by in ('signed_out', 'elsewhere', 'reuse', 'desk')),
    -- When its owner last showed a second factor.
    factor_at  timestamptz not null,
    seen_at    timestamptz not null,
    address    text not null check (length(address) between 1 and 64),
    device     text not null check (length(device) <= 200),
    check (ends_at > began_at),
    check ((ended_at is null) = (ended_by is null))
);
create index staff_session_account on staff_session (account_id, began_at desc);

create function keep_session_ended() returns trigger language plpgsql as $$
begin
    raise exception 'a session ends once' using errcode = '23514', constraint = 'session_stays_ended';
end $$;
create trigger session_stays_ended before update on staff_session
    for each row when (old.ended_at is not null and new.ended_at is distinct from old.ended_at) execute function keep_session_ended();

create table staff_refresh (
    -- SHA-256 of the token.
    hash       bytea primary key check (octet_length(hash) = 32),
    session_id uuid not null references staff_session,
    place      integer not null check (place > 0),
    issued_at  timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    -- One successor each: a second branch cannot be written.
    unique (session_id, place)
);

-- Other systems come with a key instead of a person.
create table api_key (
    id         uuid primary key,
    name       text not null check (length(name) between 3 and 60),
    -- SHA-256 of the key.
    hash       bytea not null unique check (octet_length(hash) = 32),
    scopes     text[] not null check (cardinality(scopes) between 1 and 64),
    made_by    uuid not null references staff_account,
    made_at    timestamptz not null,
    expires_at timestamptz not null check (expires_at > made_at),
    revoked_at timestamptz,
    used_at    timestamptz
);

revoke update, delete on staff_password, staff_totp_step from kwastage_app;
revoke delete on staff_account, staff_session, staff_refresh, api_key from kwastage_app;
