-- A member's own money, as the member sees it. The ledger holds the truth; these lines tell it by name.

-- One row for each member who ever moved money. Whoever takes money out of a wallet holds this row first, so that limits
-- and balance are looked at by one deed at a time.
create table wallet (
    member_id uuid primary key references member,
    -- Stopped by its owner: money comes in, none goes out, until staff lift it.
    frozen_at timestamptz
);

create table wallet_movement (
    id         bigint generated always as identity primary key,
    member_id  uuid not null references member,
    at         timestamptz not null,
    direction  text not null check (direction in ('in', 'out')),
    cents      bigint not null check (cents > 0),
    what       text not null check (what in ('top_up', 'paid_twice', 'contribution', 'sent', 'received')),
    -- Who sent it, or to whom it was sent.
    other_id   uuid references member check (other_id <> member_id),
    journal_id bigint not null references ledger.journal,
    unique (journal_id, member_id),
    check ((direction = 'in') = (what in ('top_up', 'paid_twice', 'received'))),
    check ((what in ('sent', 'received')) = (other_id is not null))
);
create index wallet_movement_member on wallet_movement (member_id, at desc, id desc) include (direction, cents);

create trigger append_only before update or delete or truncate on wallet_movement
    for each statement execute function refuse_change();
revoke update, delete on wallet_movement from kwastage_app;

-- Money for the own wallet is asked for and receipted like a contribution.
alter table obligation drop constraint obligation_purpose_check,
    add constraint obligation_purpose_check check (purpose in ('registration_fee', 'contribution', 'top_up'));
alter table receipt drop constraint receipt_what_check,
    add constraint receipt_what_check check (what in ('contribution', 'registration_fee', 'top_up'));
