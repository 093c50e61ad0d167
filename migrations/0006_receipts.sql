-- Receipts: a check code at once, a number without gaps a moment later.

create table receipt (
    payment_id       uuid primary key,
    -- How many receipts there are, near enough: it decides how long a check code must be.
    ordinal          bigint generated always as identity,
    code             text not null unique check (code ~ '^[2-9ACDEFHJKMNPRTVWXY]{4,12}$'),
    member_id        uuid references member,
    cents            bigint not null check (cents > 0),
    what             text not null check (what in ('contribution', 'registration_fee')),
    provider_receipt text not null check (length(provider_receipt) between 1 and 40),
    issued_at        timestamptz not null,
    -- KWR-2026-000001: the year as Nairobi counts it.
    number_year      integer not null generated always as (extract(year from issued_at at time zone 'Africa/Nairobi')) stored,
    number_serial    integer check (number_serial > 0),
    -- Each number stands on the one before it, so a gap cannot be written any more than a double.
    previous_serial  integer generated always as (nullif(number_serial - 1, 0)) stored,
    constraint no_double unique (number_year, number_serial),
    constraint no_gap foreign key (number_year, previous_serial) references receipt (number_year, number_serial)
);
create index receipt_unnumbered on receipt (issued_at) where number_serial is null;

-- The only change a receipt knows is from no number to its number.
create function number_once() returns trigger language plpgsql as $$
begin
    if old.number_serial is not null
       or (new.payment_id, new.ordinal, new.code, new.member_id, new.cents, new.what, new.provider_receipt, new.issued_at)
          is distinct from
          (old.payment_id, old.ordinal, old.code, old.member_id, old.cents, old.what, old.provider_receipt, old.issued_at) then
        raise exception 'a receipt is not changed' using errcode = '23514', constraint = 'append_only';
    end if;
    return new;
end $$;

create trigger number_once before update on receipt for each row execute function number_once();
create trigger append_only before delete or truncate on receipt for each statement execute function refuse_change();
revoke delete on receipt from kwastage_app;

-- How often a phone has asked for check codes in the hour it asked last: guessing codes must not pay.
create table receipt_question (
    asker text primary key check (asker ~ '^254[17][0-9]{8}$'),
    hour  timestamptz not null,
    asked integer not null check (asked > 0)
);
