-- Emergency reports that were taken while Postgres was away, and came in from a gateway's disk afterwards, each once.
create table spooled_report (
    id         uuid primary key,
    channel    text not null check (channel in ('ussd', 'sms', 'call')),
    told_at    timestamptz not null,
    drained_at timestamptz not null
);
