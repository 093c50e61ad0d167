-- Insurance: what was quoted, the policies that came of it, and the premiums that keep them going.

-- For the constraint that no two periods of a policy's cover overlap.
create extension if not exists btree_gist;

-- What is owed to an insurer never mixes with ours. Below nothing the insurer owes us: a premium that was handed on may be refunded.
insert into ledger.account_kind (kind, tracking, floor) values
    ('insurer_premium',   'S', null),
    ('commission_income', 'S', 0);

create table insurance_quote (
    id               uuid primary key,
    member_id        uuid not null references member,
    product          text not null check (product ~ '^[a-z][a-z0-9_]{1,31}$'),
    insurer          text not null check (insurer ~ '^[a-z][a-z0-9_]{1,31}$'),
    term             text not null check (term in ('day', 'week', 'month', 'quarter', 'half_year', 'year')),
    answers          jsonb not null check (jsonb_typeof(answers) = 'object'),
    -- How the price was reckoned, line by line, as the rider saw it.
    breakdown        jsonb not null check (jsonb_typeof(breakdown) = 'object'),
    -- Of one term. M-PESA moves whole shillings only.
    price_cents      bigint not null check (price_cents between 100 and 15000000 and price_cents % 100 = 0),
    commission_cents bigint not null check (commission_cents between 0 and price_cents),
    at               timestamptz not null,
    valid_until      timestamptz not null check (valid_until > at)
);
create index insurance_quote_of on insurance_quote (member_id, at desc);
create trigger append_only before update or delete or truncate on insurance_quote
    for each statement execute function refuse_change();

-- Numbers of policies, given with the first premium. A gap is a payment that was undone.
create sequence policy_serial as integer;

create table policy (
    id                 uuid primary key,
    -- A quote is taken once.
    quote_id           uuid not null unique references insurance_quote,
    member_id          uuid not null references member,
    product            text not null,
    insurer            text not null,
    term               text not null check (term in ('day', 'week', 'month', 'quarter', 'half_year', 'year')),
    price_cents        bigint not null check (price_cents between 100 and 15000000 and price_cents % 100 = 0),
    commission_cents   bigint not null check (commission_cents between 0 and price_cents),
    beneficiary_name   text not null check (length(beneficiary_name) between 1 and 60),
    beneficiary_msisdn text not null check (beneficiary_msisdn ~ '^254[17][0-9]{8}$'),
    applied_at         timestamptz not null,
    state              text not null check (state in ('pending', 'active', 'lapsed', 'cancelled', 'replaced')),
    number_year        integer check (number_year between 2020 and 2999),
    number_serial      integer unique,
    -- Whoever holds it may ask whether there is cover.
    code               text unique check (code ~ '^[2-9ACDEFHJKMNPRTVWXY]{8}$'),
    issued_at          timestamptz,
    lapsed_at          timestamptz,
    ended_at           timestamptz,
    -- When somebody has to be told something, or the policy lapses.
    look_at            timestamptz,
    constraint policy_issued check (num_nulls(number_year, number_serial, code, issued_at) in (0, 4)),
    constraint policy_number_with_the_first_premium
        check (case state when 'pending' then issued_at is null when 'replaced' then true else issued_at is not null end),
    constraint policy_lapsed check (state <> 'lapsed' or lapsed_at is not null),
    constraint policy_ended check ((state in ('cancelled', 'replaced')) = (ended_at is not null)),
    constraint policy_looked_at check (look_at is null or state = 'active')
);
-- One policy of a product at a time.
create unique index policy_one_of_a_product on policy (member_id, product) where state in ('pending', 'active', 'lapsed');
create index policy_to_look_at on policy (look_at) where look_at is not null;
create index policy_of on policy (member_id, applied_at desc);

-- A policy goes on only as its stages allow, whoever writes it.
create function policy_goes_on() returns trigger language plpgsql as $$
begin
    if (new.quote_id, new.member_id, new.product, new.insurer, new.term, new.price_cents, new.commission_cents)
        is distinct from (old.quote_id, old.member_id, old.product, old.insurer, old.term, old.price_cents, old.commission_cents) then
        raise exception 'policy % is what was quoted', old.id using errcode = '23514', constraint = 'policy_as_quoted';
    end if;
    if old.issued_at is not null and (new.number_year, new.number_serial, new.code, new.issued_at)
        is distinct from (old.number_year, old.number_serial, old.code, old.issued_at) then
        raise exception 'policy % has its number', old.id using errcode = '23514', constraint = 'policy_number_stays';
    end if;
    if old.state <> new.state and (old.state, new.state) not in
        (('pending', 'active'), ('pending', 'replaced'), ('active', 'lapsed'), ('active', 'cancelled'),
         ('lapsed', 'active'), ('lapsed', 'cancelled'), ('lapsed', 'replaced')) then
        raise exception 'a policy does not go from % to %', old.state, new.state
            using errcode = '23514', constraint = 'policy_stages';
    end if;
    return new;
end $$;
create trigger goes_on before update on policy for each row execute function policy_goes_on();
create trigger never_deleted before delete or truncate on policy for each statement execute function refuse_change();

-- Each premium covers one period, and the periods of a policy are a chain: the first begins when it is paid, each other one
-- where the one before it ends, or, after a gap, when it is paid. No link is missing, none overlaps, none is there twice.
create table premium (
    -- The payment's own id: the same payment again is the same premium.
    id               uuid primary key,
    policy_id        uuid not null references policy,
    paid_at          timestamptz not null,
    cents            bigint not null check (cents > 0),
    commission_cents bigint not null check (commission_cents between 0 and cents),
    paid_from        text not null check (paid_from in ('wallet', 'mpesa')),
    terms            integer not null check (terms between 1 and 366),
    -- The end of the period before.
    follows_end      timestamptz,
    starts_at        timestamptz not null,
    ends_at          timestamptz not null check (ends_at > starts_at),
    journal_id       bigint not null unique references ledger.journal,
    unique (policy_id, ends_at),
    constraint premium_one_next unique nulls not distinct (policy_id, follows_end),
    constraint premium_follows foreign key (policy_id, follows_end) references premium (policy_id, ends_at),
    constraint premium_begins check (case when follows_end is null then starts_at = paid_at
        else starts_at = follows_end or (starts_at = paid_at and paid_at > follows_end) end),
    constraint premium_no_overlap exclude using gist (policy_id with =, tstzrange(starts_at, ends_at) with &&)
);
create trigger append_only before update or delete or truncate on premium
    for each statement execute function refuse_change();

-- What came back of a policy that was cancelled.
create table premium_refund (
    policy_id        uuid primary key references policy,
    at               timestamptz not null,
    cents            bigint not null check (cents > 0),
    commission_cents bigint not null check (commission_cents between 0 and cents),
    journal_id       bigint not null unique references ledger.journal
);
create trigger append_only before update or delete or truncate on premium_refund
    for each statement execute function refuse_change();

-- What a holder was told about an end of their cover: each thing once.
create table cover_notice (
    policy_id uuid not null references policy,
    ends_at   timestamptz not null,
    what      text not null check (what in ('ending', 'ended', 'lapsed')),
    at        timestamptz not null,
    primary key (policy_id, ends_at, what)
);
create trigger append_only before update or delete or truncate on cover_notice
    for each statement execute function refuse_change();

-- How often somebody has asked about covers in the clock hour: one row for each phone or address, however long it goes on.
create table cover_question (
    asker text primary key check (length(asker) between 1 and 60),
    hour  timestamptz not null,
    asked integer not null
);

revoke update, delete on insurance_quote, premium, premium_refund, cover_notice from kwastage_app;
revoke delete on policy from kwastage_app;
