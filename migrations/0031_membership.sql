-- Membership over time, and the invoices by which its fees and the fines are paid.

create table membership_category (
    code          text primary key check (code ~ '^[a-z_]{2,20}$'),
    name_en       text not null check (length(name_en) between 2 and 16),
    name_sw       text not null check (length(name_sw) between 2 and 16),
    renewal_cents bigint not null check (renewal_cents > 0 and renewal_cents % 100 = 0),
    period_months integer not null check (period_months between 1 and 60),
    -- Days after the last one on which everything still is as it was.
    grace_days    integer not null check (grace_days between 0 and 180),
    -- Comes on top of the renewal once the grace is over; may be nothing.
    late_cents    bigint not null check (late_cents >= 0 and late_cents % 100 = 0)
);
insert into membership_category (code, name_en, name_sw, renewal_cents, period_months, grace_days, late_cents) values
    ('rider', 'Rider', 'Rider', 50000, 12, 30, 10000),
    ('owner', 'Bike owner', 'Mwenye boda', 100000, 12, 30, 20000),
    ('official', 'Official', 'Kiongozi', 50000, 12, 30, 10000);
alter table member drop constraint member_category_check,
    add constraint member_category_known foreign key (category) references membership_category;

-- Until when somebody is a member. A row stands from the approval on.
create table membership (
    member_id  uuid primary key references member,
    started_on date not null,
    -- The last day, as Nairobi counts days.
    until      date not null,
    -- The next day on which something may have to be said.
    look_on    date,
    check (until >= started_on)
);
create index membership_look on membership (look_on) where look_on is not null;

-- What was paid for is never taken back by a later write.
create function membership_grows() returns trigger language plpgsql as $$
begin
    if new.until < old.until or new.started_on <> old.started_on then
        raise exception 'a membership only grows' using errcode = '23514', constraint = 'membership_grows';
    end if;
    return new;
end $$;
create trigger grows before update on membership for each row execute function membership_grows();

create table invoice (
    id            uuid primary key,
    -- What makes it the same invoice when it is issued again.
    key           text not null unique check (length(key) between 1 and 200),
    number        bigint generated always as identity unique,
    member_id     uuid not null references member,
    what          text not null check (what in ('renewal', 'fee', 'fine')),
    -- M-PESA moves whole shillings.
    cents         bigint not null check (cents between 100 and 15000000 and cents % 100 = 0),
    -- For the member's eyes.
    reason        text check (length(reason) between 1 and 60),
    -- Of a renewal: the last day of the membership it prolongs.
    after_day     date,
    issued_by     text check (length(issued_by) between 2 and 60),
    issued_at     timestamptz not null,
    due_on        date not null,
    state         text not null default 'open' check (state in ('open', 'paid', 'cancelled')),
    overdue_at    timestamptz,
    closed_at     timestamptz,
    cancel_reason text check (length(cancel_reason) between 1 and 120),
    unique (id, cents),
    check ((what = 'renewal') = (after_day is not null)),
    check ((what in ('fee', 'fine')) = (reason is not null)),
    check ((what in ('fee', 'fine')) = (issued_by is not null)),
    check ((state = 'open') = (closed_at is null)),
    check ((state = 'cancelled') = (cancel_reason is not null))
);
create unique index invoice_one_renewal on invoice (member_id) where what = 'renewal' and state = 'open';
create index invoice_of_member on invoice (member_id, issued_at desc);
create index invoice_falling_due on invoice (due_on) where state = 'open' and overdue_at is null;

-- What somebody was told to pay does not change, and what has ended does not begin again.
create function invoice_is_kept() returns trigger language plpgsql as $$
begin
    if new.id <> old.id or new.member_id <> old.member_id or new.what <> old.what or new.cents <> old.cents
        or new.due_on <> old.due_on or new.issued_at <> old.issued_at
        or (old.state <> 'open' and new.state <> old.state) then
        raise exception 'an invoice is kept as it was issued' using errcode = '23514', constraint = 'invoice_is_kept';
    end if;
    return new;
end $$;
create trigger is_kept before update on invoice for each row execute function invoice_is_kept();

-- An invoice is paid once, and to the cent: the amount is the invoice's own.
create table invoice_payment (
    invoice_id uuid primary key,
    cents      bigint not null,
    payment_id uuid not null unique,
    paid_from  text not null check (paid_from in ('mpesa', 'wallet')),
    journal_id bigint not null unique references ledger.journal,
    at         timestamptz not null,
    constraint paid_to_the_cent foreign key (invoice_id, cents) references invoice (id, cents)
);
create trigger append_only before update or delete or truncate on invoice_payment
    for each statement execute function refuse_change();
revoke update, delete on invoice_payment from kwastage_app;

-- How a membership went on.
create table membership_renewal (
    invoice_id uuid primary key references invoice,
    member_id  uuid not null references membership,
    at         timestamptz not null,
    first_day  date not null,
    last_day   date not null,
    -- After it had lapsed.
    returned   boolean not null,
    check (last_day >= first_day)
);
create index membership_renewal_of on membership_renewal (member_id, at);
create trigger append_only before update or delete or truncate on membership_renewal
    for each statement execute function refuse_change();
revoke update, delete on membership_renewal from kwastage_app;

-- What was said about the end of a membership: each thing once for each last day.
create table membership_reminder (
    member_id uuid not null references membership,
    last_day  date not null,
    what      text not null check (what in ('month', 'week', 'day', 'lapsed')),
    at        timestamptz not null,
    primary key (member_id, last_day, what)
);
create trigger append_only before update or delete or truncate on membership_reminder
    for each statement execute function refuse_change();
revoke update, delete on membership_reminder from kwastage_app;

-- An invoice is asked for, taken from a wallet and receipted beside whatever else is.
alter table obligation add column invoice_id uuid references invoice;
do $$
declare kept record;
begin
    for kept in
        select conrelid::regclass as of_table, conname, pg_get_expr(conbin, conrelid) as rule, named.word
        from pg_constraint
        join (values ('obligation_purpose_check', 'purpose = ''invoice'''),
                     ('wallet_movement_what_check', 'what = ''dues'''),
                     ('receipt_what_check', 'what = ''dues''')) as named (conname, word) using (conname)
    loop
        execute format('alter table %s drop constraint %I', kept.of_table, kept.conname);
        execute format('alter table %s add constraint %I check (%s or %s)', kept.of_table, kept.conname, kept.rule, kept.word);
    end loop;
end $$;
alter table obligation add constraint obligation_of_invoice check ((purpose = 'invoice') = (invoice_id is not null));
