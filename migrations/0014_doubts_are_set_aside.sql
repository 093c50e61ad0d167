-- A payment nobody can tell the end of keeps its payer from another one for minutes, not for the day until a person takes it over.
-- It stays open and is still found out; it only no longer counts as the one that is open.

alter table obligation add column set_aside boolean not null default false;
drop index obligation_one_open;
create unique index obligation_one_open on obligation (member_id, purpose) where state = 'open' and not set_aside;
