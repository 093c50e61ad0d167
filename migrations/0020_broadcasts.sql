-- What officials tell their people, what the desk tells everyone, and what members post to their stage under an
-- official's eye. Beside them: who wanted news when, and an index for the guard against machines that answer.

create table broadcast (
    id           uuid primary key,
    -- What caused it: a hop, an inbound text, a post, a line at the desk. The same cause again finds the same broadcast.
    key          text not null unique check (length(key) between 1 and 200),
    -- Null: the desk.
    author       uuid references member,
    -- The stage whose name stands in the text.
    stage_id     integer references stage,
    -- Who gets it: this stage, this SACCO, or everyone.
    audience     text not null check (audience in ('stage', 'sacco', 'everyone')),
    sacco        text check (length(sacco) between 1 and 60),
    kind         text not null check (kind in ('notice', 'news', 'post')),
    words        text not null check (length(words) between 1 and 320),
    -- As it was shown before the yes: how many people, and what one message takes.
    recipients   integer not null check (recipients >= 0),
    segments     integer not null check (segments between 1 and 4),
    cost_cents   bigint not null check (cost_cents >= 0),
    state        text not null check (state in ('draft', 'dropped', 'sending', 'written', 'told')),
    made_at      timestamptz not null,
    confirmed_at timestamptz,
    -- When the last recipient was written to.
    written_at   timestamptz,
    told_at      timestamptz,
    -- How far the writing has come, in the order of members' ids.
    written_to   uuid,
    check ((audience = 'stage') <= (stage_id is not null)),
    check ((audience = 'sacco') = (sacco is not null)),
    check ((confirmed_at is null) = (state in ('draft', 'dropped'))),
    check ((written_at is null) = (state in ('draft', 'dropped', 'sending'))),
    check ((told_at is null) = (state <> 'told'))
);
-- A newer draft of the same official takes the older one's place.
create unique index broadcast_draft on broadcast (author) where state = 'draft';
create index broadcast_author on broadcast (author, confirmed_at) where confirmed_at is not null;
create index broadcast_open on broadcast (written_at) where state in ('sending', 'written');

-- Whom it went to. The key is what makes it go to nobody twice, whatever dies in between.
create table broadcast_recipient (
    broadcast_id uuid not null references broadcast,
    member_id    uuid not null references member,
    primary key (broadcast_id, member_id)
);

-- What a member wants to say to their stage. Nobody else reads it before an official has.
create table stage_post (
    id           uuid primary key,
    -- The inbound text it came by.
    key          text not null unique check (length(key) between 1 and 200),
    stage_id     integer not null references stage,
    -- What officials call it in their answer: counted for each stage.
    number       integer not null check (number > 0),
    member_id    uuid not null references member,
    words        text not null check (length(words) between 1 and 160),
    state        text not null default 'waiting' check (state in ('waiting', 'put_up', 'refused', 'expired')),
    posted_at    timestamptz not null,
    decided_at   timestamptz,
    decided_by   uuid references member,
    broadcast_id uuid unique references broadcast,
    unique (stage_id, number),
    check ((decided_at is null) = (state = 'waiting')),
    check ((broadcast_id is not null) = (state = 'put_up'))
);
create index stage_post_waiting on stage_post (stage_id, number) where state = 'waiting';
create index stage_post_member on stage_post (member_id, posted_at);

create index member_sacco on member (lower(sacco)) where sacco is not null;

-- Every STOP and START, by whom we were told. `opt_out` says how it stands; this says how it came to.
create table opt_change (
    id        bigint generated always as identity primary key,
    msisdn    text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    -- True: news again.
    wants     boolean not null,
    at        timestamptz not null,
    source    text not null check (length(source) between 1 and 60)
);
create index opt_change_phone on opt_change (msisdn, at);

create index inbox_phone on inbox (msisdn, received_at) where msisdn is not null;
