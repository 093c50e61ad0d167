-- What a phone does not want to be told. Receipts of money, answers and emergencies are no kind: they cannot be switched off.
create table message_preference (
    msisdn text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    kind   text not null check (kind in ('reminders', 'fund_news', 'notices')),
    since  timestamptz not null,
    primary key (msisdn, kind)
);
create table preference_change (
    id     bigint generated always as identity primary key,
    msisdn text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    kind   text not null,
    wants  boolean not null,
    at     timestamptz not null
);
create index preference_change_msisdn on preference_change (msisdn, at);
create trigger append_only before update or delete or truncate on preference_change
    for each statement execute function refuse_change();
revoke update, delete on preference_change from kwastage_app;

-- Money that nobody has claimed in time is owed back to whoever paid it.
alter table inflow add column refund_flagged_at timestamptz,
    add constraint inflow_flagged_after check (refund_flagged_at >= received_at);
create index inflow_to_refund on inflow (refund_flagged_at) where state = 'suspense' and refund_flagged_at is not null;
