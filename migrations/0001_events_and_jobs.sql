-- The two notebooks of every deed: what has happened, what must still happen.

create table event (
    id      bigint generated always as identity primary key,
    at      timestamptz not null,
    name    text not null check (length(name) between 3 and 64),
    subject uuid not null,
    actor   jsonb not null,
    body    jsonb not null,
    xid     xid8 not null default pg_current_xact_id()
);
create index event_subject on event (subject, id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = '23514', constraint = 'append_only';
end $$;

create trigger append_only before update or delete or truncate on event
    for each statement execute function refuse_change();

create table job (
    id         bigint generated always as identity primary key,
    name       text not null check (length(name) between 3 and 64),
    key        text check (length(key) between 1 and 200),
    body       jsonb not null,
    run_at     timestamptz not null,
    created_at timestamptz not null,
    state      text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'given_up')),
    attempts   integer not null default 0 check (attempts >= 0),
    -- A worker that dies loses its lease; the fence keeps its late answer from counting.
    leased_until timestamptz,
    fence      bigint not null default 0,
    last_error text check (length(last_error) <= 2000),
    finished_at timestamptz,
    check ((state = 'running') = (leased_until is not null)),
    check ((state in ('done', 'given_up')) = (finished_at is not null)),
    unique (name, key)
);
create index job_ready on job (run_at) where state = 'waiting';
create index job_leased on job (leased_until) where state = 'running';

create function announce_job() returns trigger language plpgsql as $$
begin
    perform pg_notify('job', '');
    return null;
end $$;

create trigger announce after insert on job for each statement execute function announce_job();
