-- What staff did, in a book that shows where somebody tore out or rewrote a page.

create table audit_entry (
    id         bigint generated always as identity primary key,
    at         timestamptz not null,
    -- person, key or terminal.
    actor_kind text not null check (actor_kind in ('person', 'key', 'terminal')),
    actor_id   uuid,
    actor_name text not null check (length(actor_name) between 1 and 80),
    address    text check (length(address) between 1 and 64),
    request_id uuid,
    action     text not null check (action ~ '^[a-z_]+([.][a-z_]+)+$' and length(action) <= 64),
    subject    text not null check (length(subject) between 1 and 120),
    stage_id   integer references stage,
    before     jsonb,
    after      jsonb,
    why        text check (length(why) between 1 and 300),
    xid        xid8 not null default pg_current_xact_id(),
    check ((actor_kind = 'terminal') = (actor_id is null))
);
create index audit_entry_subject on audit_entry (subject, id);
create index audit_entry_actor on audit_entry (actor_id, id);

create trigger append_only before update or delete or truncate on audit_entry
    for each statement execute function refuse_change();

-- What has not been sealed yet; a trigger puts it there, so that no writer can leave it out.
create table audit_unsealed (
    entry_id bigint primary key references audit_entry
);

create function wait_for_seal() returns trigger language plpgsql as $$
begin
    insert into audit_unsealed (entry_id) values (new.id);
    return null;
end $$;
create trigger wait_for_seal after insert on audit_entry for each row execute function wait_for_seal();

-- The chain, off the hot path: each seal is SHA-256 over the one before and the whole entry. Place by place and without
-- branches: each place once, each entry once, each predecessor once.
create table audit_seal (
    place     bigint primary key check (place > 0),
    entry_id  bigint not null unique references audit_entry,
    previous  bytea not null unique check (octet_length(previous) = 32),
    digest    bytea not null unique check (octet_length(digest) = 32),
    sealed_at timestamptz not null
);

create function check_seal() returns trigger language plpgsql as $$
declare
    before bytea;
begin
    if new.place = 1 then
        before := decode(repeat('00', 32), 'hex');
    else
        select digest into before from audit_seal where place = new.place - 1;
    end if;
    if before is null or before <> new.previous then
        raise exception 'seal % does not follow the one before', new.place using errcode = '23514', constraint = 'audit_chain';
    end if;
    return new;
end $$;
create trigger audit_chain before insert on audit_seal for each row execute function check_seal();
create trigger append_only before update or delete or truncate on audit_seal
    for each statement execute function refuse_change();

revoke update, delete on audit_entry, audit_seal from kwastage_app;

-- A request that moves money and is repeated gets its answer again; the same key over another request is refused.
create table idempotent_request (
    -- Whose key it is, and the key as they chose it.
    owner   text not null check (length(owner) between 1 and 64),
    key     text not null check (length(key) between 8 and 100),
    -- SHA-256 of route and body.
    request bytea not null check (octet_length(request) = 32),
    status  integer check (status between 200 and 299),
    answer  jsonb,
    at      timestamptz not null,
    primary key (owner, key),
    check ((status is null) = (answer is null))
);
create index idempotent_request_at on idempotent_request (at);

-- What the live feed of the desk follows, in the order in which it became true.
create index event_feed on event (xid, id) where name ~ '^(emergency|payment)[.]';

-- Lists of the desk, newest first, and its searches.
create index member_joined on member (joined_at desc, id desc);
create index member_first_name on member (lower(first_name) text_pattern_ops);
create index member_last_name on member (lower(last_name) text_pattern_ops);
create index obligation_created on obligation (created_at desc, id desc);
create index obligation_paid on obligation (closed_at) where state = 'paid';
