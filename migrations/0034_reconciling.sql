-- M-PESA's own records beside ours, day by day: what both know, what only one of us knows, and who looks after each difference.

-- The records can tell of a payment as its confirmation would have.
alter table evidence drop constraint evidence_source_check,
    add constraint evidence_source_check
        check (source in ('push', 'callback', 'query', 'paybill', 'records'));

-- A day's journals are looked at together; they stand nearly in the order of their times.
create index journal_at on ledger.journal using brin (at) with (pages_per_range = 16);

-- A payment to us as the provider's own records have it, whichever told of it first.
create table provider_record (
    provider   text not null check (provider in ('mpesa')),
    receipt    text not null check (receipt ~ '^[A-Z0-9]{6,20}$'),
    cents      bigint not null check (cents > 0),
    at         timestamptz not null,
    -- What the payer typed, as it stands in the record; and who that was, as far as it is shown.
    account    text check (length(account) <= 120),
    payer_hint text check (length(payer_hint) <= 80),
    pulled     boolean not null default false,
    stated     boolean not null default false,
    kept_at    timestamptz not null,
    primary key (provider, receipt),
    check (pulled or stated)
);
create index provider_record_day on provider_record (provider, at);

create table difference (
    id          bigint generated always as identity primary key,
    provider    text not null check (provider in ('mpesa')),
    day         date not null,
    class       text not null check (class in ('only_ours', 'only_theirs', 'amount', 'day', 'unnamed', 'ledger')),
    -- The provider's receipt; where there is none, our own name of the payment.
    reference   text not null check (length(reference) between 1 and 64),
    ours_cents  bigint check (ours_cents >= 0),
    theirs_cents bigint check (theirs_cents >= 0),
    ours_at     timestamptz,
    theirs_at   timestamptz,
    found_at    timestamptz not null,
    -- Who looks into it.
    owner       text check (length(owner) between 1 and 60),
    taken_at    timestamptz,
    -- How it ended, in words of whoever ended it; by nobody when a later comparison found that both agree.
    reason      text check (length(reason) between 3 and 300),
    ended_by    text check (length(ended_by) between 1 and 60),
    ended_at    timestamptz,
    -- Found again it is the same difference: comparing twice changes nothing.
    unique (provider, class, reference),
    check (ours_cents is not null or theirs_cents is not null),
    check ((owner is null) = (taken_at is null)),
    check ((ended_at is null) = (reason is null)),
    check (ended_by is null or ended_at is not null)
);
create index difference_open on difference (day, id) where ended_at is null;
create index difference_day on difference (provider, day);

-- One comparison of one day.
create table reconciliation (
    id           bigint generated always as identity primary key,
    provider     text not null check (provider in ('mpesa')),
    day          date not null,
    at           timestamptz not null,
    by           text not null check (length(by) between 1 and 60),
    ours         bigint not null check (ours >= 0),
    ours_cents   bigint not null check (ours_cents >= 0),
    theirs       bigint not null check (theirs >= 0),
    theirs_cents bigint not null check (theirs_cents >= 0),
    -- Payments that their records told us of first.
    taken_in     bigint not null check (taken_in >= 0),
    open         bigint not null check (open >= 0),
    -- Whether their side was whole: without that nobody can say that a payment is missing there.
    complete     boolean not null
);
create index reconciliation_day on reconciliation (provider, day, id);
create trigger append_only before update or delete or truncate on reconciliation
    for each statement execute function refuse_change();
revoke update, delete on reconciliation from kwastage_app;
revoke delete on provider_record, difference from kwastage_app;

-- Nobody rewrites what was found, nor takes up again what has ended.
create function keep_difference() returns trigger language plpgsql as $$
begin
    raise exception 'a difference is kept as it was found and ended' using errcode = '23514', constraint = 'difference_is_kept';
end $$;
create trigger difference_is_kept before update on difference for each row
    when (old.ended_at is not null
       or (old.provider, old.class, old.reference, old.found_at) is distinct from (new.provider, new.class, new.reference, new.found_at))
    execute function keep_difference();
