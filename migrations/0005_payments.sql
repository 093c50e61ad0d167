-- What is asked of a rider, each try at asking, what anybody said about it, and the money that came.

create table obligation (
    id           uuid primary key,
    -- `session:step` of the deed that asked: the same turn again is the same obligation.
    key          text not null unique check (length(key) between 1 and 200),
    purpose      text not null check (purpose in ('registration_fee', 'contribution')),
    member_id    uuid not null references member,
    stage_id     integer references stage,
    amount_cents bigint not null check (amount_cents between 100 and 25000000 and amount_cents % 100 = 0),
    payer        text not null check (payer ~ '^254[17][0-9]{8}$'),
    language     text not null check (language ~ '^[a-z]{2}$'),
    ussd_session text check (length(ussd_session) between 1 and 200),
    state        text not null default 'open' check (state in ('open', 'paid', 'unpaid', 'operator')),
    created_at   timestamptz not null,
    closed_at    timestamptz,
    check ((purpose = 'contribution') = (stage_id is not null)),
    check ((state = 'open') = (closed_at is null))
);
create unique index obligation_one_open on obligation (member_id, purpose) where state = 'open';
create index obligation_session on obligation (ussd_session) where state = 'open';

create sequence attempt_reference start 10001;

create table attempt (
    id                  uuid primary key,
    obligation_id       uuid not null references obligation,
    -- What the prompt and the rider's M-PESA message show; the paybill reports it back.
    account_reference   text not null unique default 'KSA' || nextval('attempt_reference')
                        check (account_reference ~ '^[A-Z0-9]{1,12}$'),
    -- SHA-256 of the secret in the callback's path; the secret itself is known to the provider alone.
    token_hash          bytea unique check (octet_length(token_hash) = 32),
    msisdn              text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    amount_cents        bigint not null check (amount_cents > 0),
    state               text not null check (state in
                        ('created', 'submitting', 'prompted', 'unknown', 'paid', 'failed', 'refused', 'withdrawn', 'operator')),
    created_at          timestamptz not null,
    not_before          timestamptz not null,
    submitted_at        timestamptz,
    changed_at          timestamptz not null,
    merchant_request_id text,
    checkout_request_id text,
    -- Result code or name of the refusal that ended it.
    ended_by            text,
    -- True when two independent sources say that it was paid.
    certain             boolean not null default false,
    check_told_at       timestamptz,
    alarms              text[] not null default '{}',
    -- When somebody must look at it again; the sweep repairs what is overdue.
    attend_at           timestamptz,
    check (submitted_at is not null or state in ('created', 'withdrawn', 'refused', 'paid', 'operator')),
    check ((token_hash is null) = (submitted_at is null))
);
create unique index attempt_one_open on attempt (obligation_id)
    where state in ('created', 'submitting', 'prompted', 'unknown');
create index attempt_obligation on attempt (obligation_id);
create index attempt_attend on attempt (attend_at) where attend_at is not null;
create index attempt_waiting on attempt (not_before) where state = 'created';
create index attempt_pushed on attempt (msisdn, submitted_at);

create table evidence (
    id           bigint generated always as identity primary key,
    attempt_id   uuid references attempt,
    source       text not null check (source in ('push', 'callback', 'query', 'paybill')),
    provider_id  text not null check (length(provider_id) between 1 and 200),
    content_hash bytea not null check (octet_length(content_hash) = 32),
    -- The bytes as they came, stored before anybody tried to understand them.
    body         bytea not null check (octet_length(body) <= 65536),
    -- False when the sender's address is not one the provider publishes.
    trusted      boolean not null,
    received_at  timestamptz not null,
    copies       integer not null default 1,
    -- What it says, in our words, once it was read.
    said         jsonb,
    applied_at   timestamptz,
    unique (source, provider_id, content_hash, trusted)
);
create index evidence_attempt on evidence (attempt_id, id);
create index evidence_unapplied on evidence (received_at) where applied_at is null;

create table inflow (
    id            uuid primary key,
    provider      text not null check (provider in ('mpesa')),
    -- Null while only the query has told of the payment: it names no receipt.
    receipt       text check (receipt ~ '^[A-Z0-9]{6,20}$'),
    amount_cents  bigint not null check (amount_cents > 0),
    obligation_id uuid references obligation,
    attempt_id    uuid references attempt,
    payer_hint    text check (length(payer_hint) <= 80),
    account       text check (length(account) <= 40),
    state         text not null check (state in ('allocated', 'extra', 'suspense')),
    received_at   timestamptz not null,
    unique (provider, receipt),
    check ((obligation_id is null) = (attempt_id is null)),
    check (attempt_id is not null or (receipt is not null and state = 'suspense'))
);
create unique index inflow_one_credit on inflow (obligation_id) where state = 'allocated';
create index inflow_attempt on inflow (attempt_id);
create index inflow_suspense on inflow (received_at) where state = 'suspense';

-- A provider that must not be asked for a while: our configuration is refused, or it told us to slow down.
create table rail_pause (
    provider text primary key,
    until    timestamptz not null,
    why      text not null check (length(why) <= 400)
);
