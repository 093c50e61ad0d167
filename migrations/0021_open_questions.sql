-- What a phone was asked by text and has not answered: its next text is the answer. One at a time; the latest counts.

create table open_question (
    msisdn     text primary key check (msisdn ~ '^254[17][0-9]{8}$'),
    -- Its kind, and what the answer belongs to.
    question   jsonb not null check (jsonb_typeof(question) = 'object' and question ? 'kind'),
    asked_at   timestamptz not null,
    -- An answer that comes later answers nothing.
    expires_at timestamptz not null,
    check (expires_at > asked_at)
);
create index open_question_expired on open_question (expires_at);
