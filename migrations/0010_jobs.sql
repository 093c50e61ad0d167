-- Whom to look at when a job was given up, and what returns at intervals.

-- In the order of claiming to the last column: many jobs of one instant are not sorted for each claim.
drop index job_ready;
create index job_ready on job (run_at, id) where state = 'waiting';

create index job_given_up on job (finished_at) where state = 'given_up';
-- A key is kept for ever; a finished job without one is only history and may be forgotten.
create index job_forgettable on job (finished_at) where state = 'done' and key is null;

-- One row for each task that returns: the row is the lease, so that two processes never run it at once.
create table periodic (
    name         text primary key check (length(name) between 3 and 64),
    next_at      timestamptz not null,
    leased_until timestamptz,
    fence        bigint not null default 0,
    last_began_at timestamptz,
    last_ended_at timestamptz,
    last_error   text check (length(last_error) <= 2000)
);
