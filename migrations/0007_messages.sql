-- Text messages: what we say (outbox), each try to say it, what the operator reported, and what people wrote to us.

create table outbox (
    id           uuid primary key,
    msisdn       text not null check (msisdn ~ '^254[17][0-9]{8}$'),
    language     text not null check (language ~ '^[a-z]{2}$'),
    class        text not null check (class in ('emergency', 'money', 'service', 'promotion')),
    template     text not null check (length(template) between 3 and 64),
    -- What fills the template; the text is made when it is first sent, and then never changes.
    fills        jsonb not null,
    text         text check (length(text) between 1 and 1600),
    segments     integer check (segments > 0),
    -- One message for one cause, however often the cause is told.
    key          text unique check (length(key) between 1 and 200),
    about        uuid,
    created_at   timestamptz not null,
    not_before   timestamptz not null,
    not_after    timestamptz not null,
    state        text not null default 'queued'
                 check (state in ('queued', 'sending', 'unknown', 'sent', 'delivered', 'failed', 'expired')),
    attempts     integer not null default 0 check (attempts >= 0),
    leased_until timestamptz,
    fence        bigint not null default 0,
    -- The sender name was refused: say it under the operator's own.
    without_name boolean not null default false,
    provider     text,
    provider_message_id text check (length(provider_message_id) between 1 and 100),
    cost_cents   bigint check (cost_cents >= 0),
    why          text check (length(why) <= 500),
    changed_at   timestamptz not null,
    check ((state = 'sending') = (leased_until is not null)),
    check (state not in ('sending', 'unknown', 'sent', 'delivered') or (text is not null and provider is not null)),
    check (state <> 'sent' or provider_message_id is not null),
    unique (provider, provider_message_id)
);
-- In the order of claiming to the last column: a campaign is a hundred thousand rows of one instant.
create index outbox_ready on outbox (class, not_before, id) where state = 'queued';
create index outbox_leased on outbox (leased_until) where state = 'sending';
create index outbox_unknown on outbox (msisdn, changed_at) where state = 'unknown';
create index outbox_phone on outbox (msisdn, created_at);
create index outbox_about on outbox (about) where about is not null;

-- A message moves forward only. The two ways back are a try that certainly did not leave, and a phone that was
-- off and got the message after all.
create function outbox_moves_forward() returns trigger language plpgsql as $$
begin
    if new.id <> old.id or new.msisdn <> old.msisdn or new.template <> old.template or new.fills <> old.fills
        or new.text is distinct from coalesce(old.text, new.text)
        or new.key is distinct from old.key or new.created_at <> old.created_at then
        raise exception 'message % cannot be changed', old.id using errcode = '23514', constraint = 'outbox_unchanged';
    end if;
    if new.state <> old.state and not (
        (old.state = 'queued' and new.state in ('sending', 'failed', 'expired'))
        or (old.state = 'sending' and new.state in ('queued', 'unknown', 'sent', 'failed', 'expired'))
        or (old.state = 'unknown' and new.state in ('queued', 'sent', 'delivered', 'failed'))
        or (old.state = 'sent' and new.state in ('delivered', 'failed'))
        or (old.state = 'failed' and new.state = 'delivered')) then
        raise exception 'message % cannot go from % to %', old.id, old.state, new.state
            using errcode = '23514', constraint = 'outbox_forward';
    end if;
    return new;
end $$;

create trigger moves_forward before update on outbox for each row execute function outbox_moves_forward();

create function announce_message() returns trigger language plpgsql as $$
begin
    perform pg_notify('outbox', new.class);
    return null;
end $$;

create trigger announce after insert on outbox for each row execute function announce_message();

create table send_attempt (
    message_id uuid not null references outbox,
    number     integer not null check (number > 0),
    provider   text not null,
    began_at   timestamptz not null,
    ended_at   timestamptz,
    outcome    text check (outcome in ('accepted', 'refused', 'unknown', 'lost')),
    detail     text check (length(detail) <= 500),
    primary key (message_id, number),
    check ((ended_at is null) = (outcome is null))
);

-- Every report as it came; a report may arrive before we know the id it speaks of.
create table delivery_report (
    id          bigint generated always as identity primary key,
    received_at timestamptz not null,
    provider    text not null,
    provider_message_id text not null check (length(provider_message_id) between 1 and 100),
    msisdn      text,
    status      text not null check (length(status) between 1 and 60),
    reason      text check (length(reason) <= 100),
    says        text not null check (says in ('underway', 'delivered', 'failed', 'blocked', 'unclear')),
    fields      jsonb not null,
    message_id  uuid references outbox,
    unique (provider, provider_message_id, status)
);
create index delivery_report_parked on delivery_report (received_at) where message_id is null;

create table inbox (
    id          uuid primary key,
    provider    text not null,
    -- The provider's own id; the hash of the body where it sent none.
    provider_id text not null check (length(provider_id) between 1 and 100),
    received_at timestamptz not null,
    sent_at     timestamptz not null,
    -- Null when the sender is not a phone: such a one is never answered.
    msisdn      text check (msisdn ~ '^254[17][0-9]{8}$'),
    recipient   text,
    text        text not null,
    fields      jsonb not null,
    handled_at  timestamptz,
    answer      text check (length(answer) <= 60),
    answered    boolean not null default false,
    check ((handled_at is null) = (answer is null)),
    check (not answered or (handled_at is not null and msisdn is not null)),
    unique (provider, provider_id)
);
create index inbox_answered on inbox (msisdn, handled_at) where answered;

-- Phones that want no promotion any more, by their own word or by their operator's.
create table opt_out (
    msisdn text primary key check (msisdn ~ '^254[17][0-9]{8}$'),
    since  timestamptz not null,
    source text not null check (length(source) between 1 and 60)
);
