-- What proves somebody to be a member has changed: whoever moves money out looks here first, because a thief changes the
-- PIN, the phone or the SIM before reaching for the money.
create table credential_change (
    id        bigint generated always as identity primary key,
    member_id uuid not null references member,
    what      text not null check (what in ('pin', 'phone', 'sim')),
    at        timestamptz not null
);
create index credential_change_member on credential_change (member_id, at desc);

create trigger append_only before update or delete or truncate on credential_change
    for each statement execute function refuse_change();
revoke update, delete on credential_change from kwastage_app;
