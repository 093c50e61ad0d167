-- One message may go through several providers: what is known of it is known of each try. The id a provider gave, and
-- what was reported under it, stand at the try; the message is the sum of its tries.

alter table send_attempt
    -- From here on it may have left us. A try without this certainly did not.
    add column handed_at timestamptz,
    add column provider_message_id text check (length(provider_message_id) between 1 and 100),
    add column reported text check (reported in ('underway', 'delivered', 'failed')),
    add constraint send_attempt_provider_id unique (provider, provider_message_id);

update send_attempt set handed_at = began_at;
update send_attempt set provider_message_id = outbox.provider_message_id
from outbox
where outbox.id = message_id and number = attempts and outbox.provider = send_attempt.provider
  and outbox.provider_message_id is not null;
update send_attempt set reported = case outbox.state when 'delivered' then 'delivered' else 'failed' end
from outbox
where outbox.id = message_id and number = attempts and send_attempt.provider_message_id is not null
  and outbox.state in ('delivered', 'failed');

-- Reports without an id we know look for a try of their phone without an answer.
create index send_attempt_in_doubt on send_attempt (began_at)
    where provider_message_id is null and outcome in ('unknown', 'lost') and handed_at is not null;

-- The message keeps the provider of its latest try, for whoever looks. Its own id is written no more.
alter table outbox
    drop constraint outbox_provider_provider_message_id_key,
    -- The delivery clock of an alert: without word from the phone by then, the next provider says it as well. Once.
    add column report_due timestamptz,
    add column repeated_at timestamptz;
-- So "sent" needs no id here any more.
do $$
declare named text;
begin
    select conname into strict named from pg_constraint
    where conrelid = 'outbox'::regclass and contype = 'c'
      and pg_get_constraintdef(oid) like '%''sent''%' and pg_get_constraintdef(oid) like '%provider_message_id IS NOT NULL%';
    execute format('alter table outbox drop constraint %I', named);
end $$;
create index outbox_report_due on outbox (report_due) where state = 'sent' and report_due is not null;
-- A message without an end gets one after a day.
create index outbox_open_end on outbox (changed_at) where state in ('unknown', 'sent');
drop index outbox_unknown;

alter table delivery_report
    drop constraint delivery_report_says_check,
    -- failed_here: this provider could not bring it, another one may.
    add constraint delivery_report_says_check
        check (says in ('underway', 'delivered', 'failed', 'failed_here', 'blocked', 'unclear'));

-- As before, and: what was handed over may go again only when every try certainly came to nothing, alerts excepted.
create or replace function outbox_moves_forward() returns trigger language plpgsql as $$
begin
    if new.id <> old.id or new.msisdn <> old.msisdn or new.template <> old.template or new.fills <> old.fills
        or new.text is distinct from coalesce(old.text, new.text)
        or new.key is distinct from old.key or new.created_at <> old.created_at then
        raise exception 'message % cannot be changed', old.id using errcode = '23514', constraint = 'outbox_unchanged';
    end if;
    if new.state = old.state then
        return new;
    end if;
    if not (
        (old.state = 'queued' and new.state in ('sending', 'unknown', 'sent', 'delivered', 'failed', 'expired'))
        or (old.state = 'sending' and new.state in ('queued', 'unknown', 'sent', 'delivered', 'failed', 'expired'))
        or (old.state = 'unknown' and new.state in ('queued', 'sent', 'delivered', 'failed'))
        or (old.state = 'sent' and new.state in ('queued', 'delivered', 'failed'))
        or (old.state = 'failed' and new.state = 'delivered')) then
        raise exception 'message % cannot go from % to %', old.id, old.state, new.state
            using errcode = '23514', constraint = 'outbox_forward';
    end if;
    if new.state = 'queued' and new.class <> 'emergency' and exists (
        select from send_attempt
        where message_id = new.id and handed_at is not null
          and outcome is distinct from 'refused' and reported is distinct from 'failed') then
        raise exception 'message % may have been sent', old.id using errcode = '23514', constraint = 'outbox_once';
    end if;
    return new;
end $$;
