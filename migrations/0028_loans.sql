-- Loans: what is offered, what was asked for and lent, what falls due, who vouches, and every movement of each loan.
--
-- A lender is somebody else than the wallet: its money, its claims and its income are accounts of their own.

insert into ledger.account_kind (kind, tracking, floor) values
    -- Where a lender's money comes from: it stands for the world outside.
    ('lender_bank',    'S', null),
    -- A lender's money that may be lent.
    ('loan_fund',      'S', 0),
    -- A lender's claims, all together: negative by what is lent out.
    ('loan_book',      'S', null),
    -- The claim on one loan, the other side of `loan_book`. Its floor is why no loan is paid back beyond its principal.
    ('loan_principal', 'R', 0),
    -- What a lender has earned: interest, fees, penalties.
    ('loan_income',    'S', 0);

create table lender (
    id   integer generated always as identity primary key,
    code text not null unique check (code ~ '^[A-Z0-9]{2,12}$'),
    name text not null check (length(name) between 2 and 60)
);

create table lender_funding (
    id         uuid primary key,
    lender_id  integer not null references lender,
    cents      bigint not null check (cents > 0),
    -- The bank's reference of the transfer: it is booked once.
    reference  text not null check (reference ~ '^[A-Z0-9][A-Z0-9/-]{3,39}$'),
    by_staff   text not null check (by_staff ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    at         timestamptz not null,
    journal_id bigint not null unique references ledger.journal,
    unique (lender_id, reference)
);

-- A product never changes: a better one is a new row under the same code, and running loans keep theirs.
create table loan_product (
    id                integer generated always as identity primary key,
    lender_id         integer not null references lender,
    code              text not null check (code ~ '^[a-z0-9_]{2,24}$'),
    name_en           text not null check (length(name_en) between 2 and 16),
    name_sw           text not null check (length(name_sw) between 2 and 16),
    method            text not null check (method in ('flat', 'reducing')),
    -- Hundredths of a per cent a year.
    rate_bp           integer not null check (rate_bp between 0 and 20000),
    period            text not null check (period in ('week', 'month')),
    -- How many instalments somebody may choose.
    terms             smallint[] not null check (cardinality(terms) between 1 and 8),
    least_cents       bigint not null check (least_cents >= 10000),
    most_cents        bigint not null check (most_cents >= least_cents and most_cents <= 100000000),
    fee_cents         bigint not null check (fee_cents >= 0),
    fee_bp            integer not null check (fee_bp between 0 and 2000),
    guarantors        smallint not null check (guarantors between 0 and 5),
    -- Once for each missed instalment.
    penalty_cents     bigint not null check (penalty_cents >= 0),
    penalty_bp        integer not null check (penalty_bp between 0 and 2000),
    grace_days        smallint not null check (grace_days between 0 and 60),
    repay_order       text[] not null check (repay_order @> '{penalty,interest,principal}' and cardinality(repay_order) = 3),
    -- Two people approve what is larger.
    two_above_cents   bigint not null check (two_above_cents >= 0),
    offered_at        timestamptz not null
);
create index loan_product_code on loan_product (code, id desc);

-- Whoever weighs what a member may borrow or vouch for holds this row first, so that one deed at a time does.
create table loan_person (
    member_id uuid primary key references member
);

create table loan (
    id                uuid primary key,
    number            bigint generated always as identity (start with 1001) unique,
    -- Of the deed that asked: the same again is the same loan.
    key               text not null unique check (length(key) between 1 and 200),
    member_id         uuid not null references member,
    product_id        integer not null references loan_product,
    lender_id         integer not null references lender,
    principal_cents   bigint not null check (principal_cents > 0),
    instalments       smallint not null check (instalments between 1 and 104),
    interest_cents    bigint not null check (interest_cents >= 0),
    fee_cents         bigint not null check (fee_cents >= 0 and fee_cents < principal_cents),
    two_above_cents   bigint not null check (two_above_cents >= 0),
    state             text not null check (state in
                      ('asked', 'ready', 'refused', 'expired', 'dropped', 'active', 'settled', 'written_off')),
    asked_at          timestamptz not null,
    -- Guarantors may answer until then.
    waits_until       timestamptz not null,
    ready_at          timestamptz,
    first_by          text check (first_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    second_by         text check (second_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    disbursed_at      timestamptz,
    disbursed_on      date,
    -- Since when an instalment is late.
    arrears_since     date,
    -- In duplum: what may still be recovered beyond the principal; null until the loan first falls into arrears.
    duplum_left_cents bigint constraint in_duplum check (duplum_left_cents >= 0),
    -- The last day on which the daily round was through with it.
    looked_on         date,
    lost_by           text check (lost_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    lost_second_by    text check (lost_second_by ~ '^[a-z0-9][a-z0-9 .''-]{1,39}$'),
    ended_at          timestamptz,
    ended_why         text check (length(ended_why) between 1 and 120),

    constraint two_people_lend check (second_by <> first_by),
    constraint approved_before_lent check (disbursed_at is null or first_by is not null),
    constraint two_approve_much check (disbursed_at is null or principal_cents <= two_above_cents or second_by is not null),
    constraint two_people_write_off check (lost_second_by <> lost_by),
    constraint two_write_off check ((state = 'written_off') = (lost_second_by is not null)),
    check (lost_second_by is null or lost_by is not null),
    check ((disbursed_at is not null) = (state in ('active', 'settled', 'written_off'))),
    check ((disbursed_at is null) = (disbursed_on is null)),
    check ((ended_at is not null) = (state in ('refused', 'expired', 'dropped', 'settled', 'written_off'))),
    check (state <> 'refused' or ended_why is not null),
    check (state in ('asked', 'refused', 'expired', 'dropped') or ready_at is not null)
);
create unique index loan_one_at_a_time on loan (member_id) where state in ('asked', 'ready', 'active');
create index loan_member on loan (member_id, asked_at desc);
create index loan_waiting on loan (waits_until) where state = 'asked';
create index loan_to_look_at on loan (looked_on) where state = 'active';

-- What has ended stays ended, and nobody skips a stage.
create function loan_moves() returns trigger language plpgsql as $$
begin
    if old.state <> new.state and (old.state, new.state) not in (
        ('asked', 'ready'), ('asked', 'refused'), ('asked', 'expired'), ('asked', 'dropped'),
        ('ready', 'active'), ('ready', 'refused'), ('ready', 'dropped'),
        ('active', 'settled'), ('active', 'written_off')
    ) then
        raise exception 'a loan that is % does not become %', old.state, new.state
            using errcode = '23514', constraint = 'loan_moves';
    end if;
    if new.duplum_left_cents is null and old.duplum_left_cents is not null or new.duplum_left_cents > old.duplum_left_cents then
        raise exception 'the room in duplum only becomes less' using errcode = '23514', constraint = 'in_duplum';
    end if;
    if (new.member_id, new.product_id, new.lender_id, new.principal_cents, new.instalments, new.interest_cents, new.fee_cents,
        new.two_above_cents) is distinct from
       (old.member_id, old.product_id, old.lender_id, old.principal_cents, old.instalments, old.interest_cents, old.fee_cents,
        old.two_above_cents) then
        raise exception 'what was agreed stays' using errcode = '23514', constraint = 'loan_terms';
    end if;
    return new;
end $$;
create trigger loan_moves before update on loan for each row execute function loan_moves();

create table loan_instalment (
    loan_id               uuid not null references loan,
    number                smallint not null check (number > 0),
    due_on                date not null,
    principal_cents       bigint not null check (principal_cents >= 0),
    interest_cents        bigint not null check (interest_cents >= 0),
    penalty_cents         bigint not null default 0 check (penalty_cents >= 0),
    principal_paid_cents  bigint not null default 0 check (principal_paid_cents between 0 and principal_cents),
    interest_paid_cents   bigint not null default 0 check (interest_paid_cents >= 0),
    penalty_paid_cents    bigint not null default 0 check (penalty_paid_cents >= 0),
    -- Not asked for any more: the rebate of an early settlement, or what in duplum forbids.
    interest_waived_cents bigint not null default 0 check (interest_waived_cents >= 0),
    penalty_waived_cents  bigint not null default 0 check (penalty_waived_cents >= 0),
    -- Looked at for a penalty, once; the penalty may be nothing.
    penalised_on          date,
    due_told_on           date,
    late_told_on          date,
    primary key (loan_id, number),
    check (interest_paid_cents + interest_waived_cents <= interest_cents),
    check (penalty_paid_cents + penalty_waived_cents <= penalty_cents),
    constraint penalty_once check (penalty_cents = 0 or penalised_on is not null)
);
create index loan_instalment_due on loan_instalment (due_on);

create table loan_guarantee (
    loan_id       uuid not null references loan,
    member_id     uuid not null references member,
    asked_cents   bigint not null check (asked_cents > 0),
    state         text not null check (state in ('asked', 'given', 'declined', 'expired', 'void')),
    -- What the guarantor agreed to, and what of it is still held.
    pledged_cents bigint check (pledged_cents > 0),
    held_cents    bigint not null default 0 check (held_cents >= 0),
    asked_at      timestamptz not null,
    expires_at    timestamptz not null,
    answered_at   timestamptz,
    primary key (loan_id, member_id),
    constraint never_more_than_asked check (pledged_cents <= asked_cents),
    constraint never_more_than_pledged check (held_cents <= coalesce(pledged_cents, 0)),
    check ((state = 'given') <= (pledged_cents is not null)),
    check ((state in ('asked', 'expired')) = (answered_at is null) or state = 'void')
);
create index loan_guarantee_member on loan_guarantee (member_id) where state in ('asked', 'given');

-- An answer is given once, and a hold only becomes less.
create function loan_guarantee_moves() returns trigger language plpgsql as $$
begin
    if old.state <> new.state and (old.state, new.state) not in
        (('asked', 'given'), ('asked', 'declined'), ('asked', 'expired'), ('asked', 'void'), ('given', 'void')) then
        raise exception 'a guarantee that is % does not become %', old.state, new.state
            using errcode = '23514', constraint = 'loan_guarantee_moves';
    end if;
    if old.pledged_cents is not null and (new.pledged_cents is distinct from old.pledged_cents or new.held_cents > old.held_cents) then
        raise exception 'a guarantee never grows' using errcode = '23514', constraint = 'loan_guarantee_never_grows';
    end if;
    return new;
end $$;
create trigger loan_guarantee_moves before update on loan_guarantee for each row execute function loan_guarantee_moves();

-- The loan's own book, as borrower and lender read it. The ledger holds the truth of the money; these lines say what it was for.
create table loan_entry (
    id              bigint generated always as identity primary key,
    loan_id         uuid not null references loan,
    at              timestamptz not null,
    what            text not null check (what in ('lent', 'fee', 'paid_wallet', 'paid_mpesa', 'penalty', 'waived', 'written_off')),
    cents           bigint not null check (cents > 0),
    -- What of a repayment went where.
    principal_cents bigint not null default 0 check (principal_cents >= 0),
    interest_cents  bigint not null default 0 check (interest_cents >= 0),
    penalty_cents   bigint not null default 0 check (penalty_cents >= 0),
    -- What caused it counts once.
    cause           uuid not null,
    journal_id      bigint unique references ledger.journal,
    constraint entry_once unique (cause, what),
    constraint payments_add_up check (what not in ('paid_wallet', 'paid_mpesa')
                                      or cents = principal_cents + interest_cents + penalty_cents),
    check ((what in ('penalty', 'waived')) = (journal_id is null))
);
create index loan_entry_loan on loan_entry (loan_id, id desc);

create trigger append_only before update or delete or truncate on loan_entry
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on loan_product
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on lender_funding
    for each statement execute function refuse_change();
revoke update, delete on loan_entry, loan_product, lender_funding, lender from kwastage_app;
revoke delete on loan, loan_instalment, loan_guarantee, loan_person from kwastage_app;
