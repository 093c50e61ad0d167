-- What was said on the phone, and which deeds came of it.

-- A deed's name is its session and step; the row is written in the deed's own transaction and holds its outcome,
-- so that the same hop again, or a session rebuilt from its transcript, repeats the answer and never the deed.
create table deed (
    session_id text not null check (length(session_id) between 1 and 128),
    step       smallint not null check (step >= 0),
    msisdn     text not null,
    intent     text not null,
    outcome    jsonb not null,
    at         timestamptz not null,
    primary key (session_id, step)
);
create index deed_at on deed (at);

-- The journal of hops, written in batches beside the hot path. Secrets and private values are masked by position.
create table hop (
    id          bigint generated always as identity primary key,
    session_id  text not null,
    step        smallint not null,
    msisdn      text not null,
    at          timestamptz not null,
    network     text,
    menus       bytea not null check (octet_length(menus) = 8),
    screen      text not null,
    heard       text,
    outcome     text not null check (outcome in ('shown', 'repeated', 'rebuilt', 'missed', 'ended', 'refused', 'failed')),
    duration_us integer not null check (duration_us >= 0)
);
create index hop_session on hop (session_id, step);
create index hop_msisdn on hop (msisdn, at desc);
create index hop_at on hop using brin (at);

-- The provider's notice that a session is over. The first one counts.
create table session_end (
    session_id  text primary key,
    msisdn      text not null,
    ended_at    timestamptz,
    received_at timestamptz not null,
    status      text not null,
    cost_cents  bigint,
    duration_ms bigint,
    hops        integer,
    error       text
);
