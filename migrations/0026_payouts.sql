-- Money that leaves by M-PESA (B2C): what is to be paid, each id it is asked for under, and whatever anybody says about that.
--
-- The money stands in the ledger's account in flight from the moment it is asked for until it has arrived or is given back.

-- What somebody holds who was paid although the money had been given back already: it stands for the world outside.
insert into ledger.account_kind (kind, tracking, floor) values ('owed_back', 'S', null);

create table payout (
    id             uuid primary key,
    -- Of the deed that asked: the same again is the same payout.
    key            text not null unique check (length(key) between 1 and 200),
    purpose        text not null check (purpose in ('withdrawal', 'support', 'refund')),
    -- Whose money it is, or whom it is for.
    member_id      uuid references member,
    -- The stage whose fund gives it, and the emergency it is given in.
    stage_id       integer references stage,
    emergency_id   uuid references emergency,
    -- M-PESA's receipt of the payment that is given back.
    refunded       text check (refunded ~ '^[A-Z0-9]{6,20}$'),
    recipient      text not null check (recipient ~ '^254[17][0-9]{8}$'),
    language       text not null check (language ~ '^[a-z]{2}$'),
    -- What M-PESA is to pay: whole shillings, as much as it moves in one go.
    amount_cents   bigint not null check (amount_cents between 1000 and 25000000 and amount_cents % 100 = 0),
    -- What the member pays us for it.
    fee_cents      bigint not null check (fee_cents >= 0),
    state          text not null check (state in ('asked', 'ready', 'sending', 'person', 'paid', 'returned')),
    -- Null: the member, behind their PIN.
    asked_by       text check (asked_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    asked_at       timestamptz not null,
    reason         text check (length(reason) between 1 and 200),
    needs_approval boolean not null,
    decided_by     text check (decided_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    decided_at     timestamptz,
    ready_since    timestamptz,
    not_before     timestamptz not null,
    changed_at     timestamptz not null,
    ended_at       timestamptz,
    -- A word or a result code.
    ended_by       text check (length(ended_by) <= 60),
    receipt        text unique check (receipt ~ '^[A-Z0-9]{6,20}$'),
    slow_told_at   timestamptz,
    hold_journal   bigint not null unique references ledger.journal,
    -- What settled the hold or gave it back.
    end_journal    bigint unique references ledger.journal,

    constraint maker_is_not_checker check (decided_by <> asked_by),
    constraint decided_before_it_leaves
        check (not needs_approval or decided_by is not null or state in ('asked', 'returned')),
    check (asked_by is not null or purpose = 'withdrawal'),
    check ((decided_by is null) = (decided_at is null)),
    check (state <> 'asked' or needs_approval),
    check (state in ('asked', 'returned') or ready_since is not null),
    check ((state in ('paid', 'returned')) = (end_journal is not null)),
    check ((state in ('paid', 'returned')) = (ended_at is not null)),
    check (purpose = 'refund' or member_id is not null),
    check ((purpose = 'support') = (stage_id is not null)),
    check ((purpose = 'support') = (emergency_id is not null)),
    check ((purpose = 'refund') = (refunded is not null)),
    check (fee_cents = 0 or purpose = 'withdrawal')
);
create index payout_open on payout (asked_at) where state not in ('paid', 'returned');
create index payout_ready on payout (not_before) where state = 'ready';
create index payout_member on payout (member_id, asked_at desc);
create index payout_emergency on payout (emergency_id) where emergency_id is not null;
-- A payment is given back once; an attempt to give it back that failed may be followed by another.
create unique index payout_refunds_once on payout (refunded) where state <> 'returned';

create table payout_attempt (
    id            uuid primary key,
    payout_id     uuid not null references payout,
    -- Our OriginatorConversationID: M-PESA pays once for each, and it is written down here before it is first said.
    originator_id text not null unique check (originator_id ~ '^KS-[0-9a-f]{32}$'),
    state         text not null check (state in ('created', 'submitting', 'accepted', 'unknown', 'paid', 'failed', 'person')),
    created_at    timestamptz not null,
    -- How often it was handed to M-PESA. More than once only after answers that prove that nothing was taken.
    handed        integer not null default 0 check (handed >= 0),
    handed_at     timestamptz,
    changed_at    timestamptz not null,
    ended_by      text check (length(ended_by) <= 60),
    receipt       text unique check (receipt ~ '^[A-Z0-9]{6,20}$'),
    alarms        text[] not null default '{}',
    -- When somebody must look at it again; the sweep repairs what is overdue.
    attend_at     timestamptz,
    check ((handed = 0) = (handed_at is null)),
    check (handed > 0 or state in ('created', 'failed'))
);
create unique index payout_attempt_one_open on payout_attempt (payout_id) where state not in ('paid', 'failed');
create index payout_attempt_payout on payout_attempt (payout_id);
create index payout_attempt_attend on payout_attempt (attend_at) where attend_at is not null;

-- The secret paths that M-PESA answers on: one for each handing over, one for each question about it.
create table payout_callback (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    attempt_id uuid not null references payout_attempt,
    what       text not null check (what in ('payment', 'question')),
    made_at    timestamptz not null
);
create index payout_callback_attempt on payout_callback (attempt_id, made_at);

create table payout_evidence (
    id           bigint generated always as identity primary key,
    attempt_id   uuid not null references payout_attempt,
    source       text not null check (source in ('answer', 'result', 'timeout', 'question_answer', 'question_result', 'person')),
    provider_id  text not null check (length(provider_id) between 1 and 200),
    content_hash bytea not null check (octet_length(content_hash) = 32),
    -- The bytes as they came, stored before anybody tried to understand them.
    body         bytea not null check (octet_length(body) <= 65536),
    trusted      boolean not null,
    received_at  timestamptz not null,
    copies       integer not null default 1,
    said         jsonb,
    applied_at   timestamptz,
    unique (source, provider_id, content_hash, trusted)
);
create index payout_evidence_attempt on payout_evidence (attempt_id, id);
create index payout_evidence_unapplied on payout_evidence (received_at) where applied_at is null;

-- What people did with a payout, and what they should know of it.
create table payout_note (
    id        bigint generated always as identity primary key,
    payout_id uuid not null references payout,
    at        timestamptz not null,
    by_name   text check (length(by_name) <= 40),
    what      text not null check (length(what) between 1 and 400)
);
create index payout_note_payout on payout_note (payout_id, id);
create trigger append_only before update or delete or truncate on payout_note
    for each statement execute function refuse_change();
revoke update, delete on payout_note from kwastage_app;

-- One row for the rail. Stopped: a person has to lift it. Paused: time lifts it.
create table payout_brake (
    rail         text primary key check (rail = 'mpesa'),
    stopped_at   timestamptz,
    stopped_why  text check (length(stopped_why) <= 400),
    paused_until timestamptz,
    paused_why   text check (length(paused_why) <= 400),
    -- What M-PESA last said our account holds for payouts.
    float_cents  bigint,
    float_at     timestamptz,
    check ((stopped_at is null) = (stopped_why is null))
);
insert into payout_brake (rail) values ('mpesa');

-- Two people have spoken with a member whose PIN, phone or SIM changed: money may leave before the day is over.
create table cooling_lift (
    member_id  uuid not null references member,
    -- The change that no longer stands in the way; a later one does again.
    changed_at timestamptz not null,
    first_by   text not null check (first_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    first_at   timestamptz not null,
    second_by  text check (second_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    second_at  timestamptz,
    primary key (member_id, changed_at),
    constraint two_people check (second_by <> first_by),
    check ((second_by is null) = (second_at is null))
);

-- A withdrawal as the member sees it: what left with its fee, and what came back of one that M-PESA could not pay.
alter table wallet_movement
    drop constraint wallet_movement_what_check,
    drop constraint wallet_movement_check1,
    add constraint wallet_movement_what_check check (what in
        ('top_up', 'paid_twice', 'contribution', 'sent', 'received', 'withdrawn', 'withdrawal_returned')),
    add constraint wallet_movement_check1
        check ((direction = 'in') = (what in ('top_up', 'paid_twice', 'received', 'withdrawal_returned')));
