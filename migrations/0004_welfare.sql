-- What riders of a stage owe their welfare fund, what they have paid into it, and what every member may see of it.

-- What a category of riders owes their stage from `starts_on` until a later plan takes its place. `starts_on` is the first due day.
create table plan (
    id        integer generated always as identity primary key,
    stage_id  integer not null references stage,
    category  text not null check (category in ('rider', 'owner', 'official')),
    period    text not null check (period in ('week', 'month')),
    -- At least ten shillings: the least M-PESA moves that is worth its fee.
    cents     bigint not null check (cents between 1000 and 15000000),
    starts_on date not null check (starts_on between '2020-01-01' and '2199-12-31'),
    unique (stage_id, category, starts_on)
);

create table contribution (
    -- The payment it came from: one payment counts once.
    payment_id       uuid primary key,
    member_id        uuid not null references member,
    stage_id         integer not null references stage,
    cents            bigint not null check (cents > 0),
    provider_receipt text not null check (length(provider_receipt) between 1 and 40),
    at               timestamptz not null,
    journal_id       bigint not null unique references ledger.journal
);
create index contribution_member on contribution (member_id, at) include (cents);

-- The fund's book as members read it: one line for each movement, the person masked when shown.
create table fund_movement (
    id         bigint generated always as identity primary key,
    stage_id   integer not null references stage,
    at         timestamptz not null,
    direction  text not null check (direction in ('in', 'out')),
    cents      bigint not null check (cents > 0),
    what       text not null check (what in ('contribution', 'support')),
    -- Who paid, or whom it was for.
    member_id  uuid not null references member,
    journal_id bigint not null unique references ledger.journal,
    check ((what = 'support') = (direction = 'out'))
);
create index fund_movement_stage on fund_movement (stage_id, at desc, id desc) include (direction, cents);

create trigger append_only before update or delete or truncate on contribution
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on fund_movement
    for each statement execute function refuse_change();
revoke update, delete on contribution, fund_movement from kwastage_app;
