-- An alarm that nobody answers goes on: up the ladder, by voice, until somebody comes or the house has shouted.

-- How far the alarm of a case has gone. Written by the answer clock alone, in the transaction of the step it tells of.
create table emergency_climb (
    emergency_id uuid primary key references emergency,
    -- Since when people are missing, and how many; null while enough are on their way.
    waiting_since timestamptz,
    missing       integer not null default 0 check (missing >= 0),
    -- Rounds and waves of calls gone through in this wait.
    round         integer not null default 0 check (round >= 0),
    waves         integer not null default 0 check (waves >= 0),
    -- Waves of calls there ever were: each has its number.
    wave          integer not null default 0 check (wave >= waves),
    -- The house has shouted that nobody answers, and is silent until the alarm is raised again.
    shouted_at    timestamptz,
    check (waiting_since is not null or (missing = 0 and round = 0 and waves = 0 and shouted_at is null))
);

-- Said that they come and were asked whether they are there.
create table arrival_question (
    emergency_id uuid not null references emergency,
    msisdn       text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    -- Of the acceptance that it is about: who accepts anew is not asked at once.
    accepted_at  timestamptz not null,
    times        integer not null check (times > 0),
    asked_at     timestamptz not null,
    primary key (emergency_id, msisdn)
);

-- Periods of one stage, in seconds; null: as configured for all.
create table stage_escalation (
    stage_id      integer primary key references stage,
    wider_after_s integer check (wider_after_s between 10 and 3600),
    calls_after_s integer check (calls_after_s between 10 and 7200),
    desk_after_s  integer check (desk_after_s between 10 and 14400),
    again_every_s integer check (again_every_s between 10 and 3600)
);

-- Calls: ours to people who are to answer an alarm, and theirs to the hotline.
create table emergency_call (
    -- Goes with the call as our own reference.
    id           uuid primary key,
    emergency_id uuid references emergency,
    direction    text not null check (direction in ('outbound', 'inbound')),
    msisdn       text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    language     text not null check (language ~ '^[a-z]{2}$'),
    -- Nobody is called twice in one wave.
    wave         integer check (wave > 0),
    planned_at   timestamptz not null,
    -- Written before the provider is asked, so that a crash cannot place the call twice.
    placed_at    timestamptz,
    session_id   text unique check (length(session_id) between 1 and 128),
    answered_at  timestamptz,
    -- How often a key was asked for.
    asked        integer not null default 0 check (asked >= 0),
    -- What was pressed, in order.
    keys         text not null default '' check (length(keys) <= 20),
    ended_at     timestamptz,
    outcome      text check (outcome in ('accepted', 'declined', 'no_key', 'unanswered', 'busy', 'unreachable', 'rejected', 'bad_number',
                                         'not_placed', 'lost', 'not_needed', 'raised')),
    unique (emergency_id, wave, msisdn),
    check ((direction = 'outbound') = (wave is not null)),
    check (direction = 'inbound' or emergency_id is not null),
    check ((ended_at is null) = (outcome is null))
);
create index emergency_call_on on emergency_call (msisdn, planned_at) where ended_at is null;

-- A case that the house raised by itself to try the chain. No coordinator hears of it and no count includes it.
create table emergency_drill (
    emergency_id uuid primary key references emergency,
    began_at     timestamptz not null,
    -- Ordered by a person, or by the night.
    by_hand      boolean not null,
    -- The link that is being tried, and which one broke.
    ended_at     timestamptz,
    broken_link  text check (broken_link in ('raise', 'outbox', 'provider', 'report', 'answer')),
    said         text check (length(said) between 1 and 300),
    check (broken_link is null or ended_at is not null)
);
create index emergency_drill_open on emergency_drill (began_at) where ended_at is null;

-- The promise of thirty minutes: each time is counted once, whenever it becomes known.
create table emergency_promise (
    emergency_id    uuid primary key references emergency,
    answered_in_s   integer check (answered_in_s >= 0),
    arrived_in_s    integer check (arrived_in_s >= 0)
);
create index emergency_raised on emergency (raised_at);
