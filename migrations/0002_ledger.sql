-- The ledger: accounts, journals, postings, and the few functions through which money moves.
--
-- One posting row names its debit, its credit and one positive amount, so an unbalanced journal cannot be written down.
-- A balance is credits minus debits; the sum over all accounts is zero. The reasons stand in docs/decisions/002-ledger-shape.md.

create schema ledger;

-- The role the product connects as in production. Roles belong to the whole cluster: another database may have made it already,
-- or may be making it this very moment.
do $$
begin
    if not exists (select from pg_roles where rolname = 'kwastage_app') then
        create role kwastage_app nologin;
    end if;
exception when duplicate_object or unique_violation then
    null;
end $$;

-- The chart of accounts. R: a running balance, one owner, checked on each debit. S: a snapshot and a tail, thousands of writers.
create table ledger.account_kind (
    kind     text primary key check (kind ~ '^[a-z_]{3,24}$'),
    tracking "char" not null check (tracking in ('R', 'S')),
    -- The least an account of this kind may hold, in cents; null where it may go below nothing (it stands for the world outside).
    floor    bigint,
    unique (kind, tracking)
);

insert into ledger.account_kind (kind, tracking, floor) values
    ('mpesa_paybill', 'S', null),
    ('fund',          'S', 0),
    ('general_fund',  'S', 0),
    ('wallet',        'R', 0),
    ('fee_income',    'S', 0),
    ('suspense',      'S', 0),
    ('in_flight',     'S', 0);

-- Never updated, so that the share locks of thousands of foreign keys on one fund stay cheap.
create table ledger.account (
    id       bigint generated always as identity primary key,
    kind     text not null,
    -- The stage, member or rail it belongs to; empty where there is one account of the kind.
    owner    text not null check (length(owner) <= 64),
    currency char(3) not null default 'KES' check (currency ~ '^[A-Z]{3}$'),
    tracking "char" not null,
    constraint as_charted foreign key (kind, tracking) references ledger.account_kind (kind, tracking),
    unique (kind, owner, currency),
    unique (id, currency),
    unique (id, tracking)
);

create table ledger.journal (
    id       bigint generated always as identity primary key,
    kind     text not null check (kind ~ '^[a-z_]{3,48}$'),
    -- Kept for ever: a duplicate that comes after a month is still a duplicate.
    scope    text not null check (length(scope) between 1 and 32),
    key      text not null check (length(key) between 1 and 128),
    cause    uuid not null,
    -- The journal that this one settles, releases or reverses: at most once.
    resolves bigint constraint resolved_once unique references ledger.journal,
    at       timestamptz not null,
    xid      xid8 not null default pg_current_xact_id(),
    constraint one_journal_per_key unique (scope, key),
    constraint resolves_earlier check (resolves < id),
    unique (id, xid)
);
create index journal_cause on ledger.journal (cause);

create table ledger.posting (
    journal_id bigint not null,
    leg        smallint not null check (leg between 1 and 64),
    debit_id   bigint not null,
    credit_id  bigint not null,
    currency   char(3) not null,
    cents      bigint not null constraint positive_amount check (cents between 1 and 100000000000),
    xid        xid8 not null default pg_current_xact_id(),
    primary key (journal_id, leg),
    constraint two_accounts check (debit_id <> credit_id),
    -- A leg belongs to the transaction of its journal: nobody adds one later.
    constraint same_transaction foreign key (journal_id, xid) references ledger.journal (id, xid),
    constraint debit_currency foreign key (debit_id, currency) references ledger.account (id, currency),
    constraint credit_currency foreign key (credit_id, currency) references ledger.account (id, currency)
);
create index posting_credit on ledger.posting (credit_id, xid) include (cents);
create index posting_debit on ledger.posting (debit_id, xid) include (cents);

create table ledger.running_balance (
    account_id bigint primary key,
    tracking   "char" not null default 'R' check (tracking = 'R'),
    posted     bigint not null default 0,
    floor      bigint,
    constraint runs foreign key (account_id, tracking) references ledger.account (id, tracking),
    constraint no_overdraft check (floor is null or posted >= floor)
) with (fillfactor = 70);

-- What was posted by every transaction below `upto`; the rest is the tail. Transactions end in another order than they begin, so
-- neither an id nor a time could be the watermark: both would step over a posting that commits late.
create table ledger.snapshot (
    account_id bigint primary key,
    tracking   "char" not null default 'S' check (tracking = 'S'),
    upto       xid8 not null default '0',
    posted     bigint not null default 0,
    floor      bigint,
    -- Counts the debits that passed. Two debits at once meet here even under repeatable read, where a bare lock lets both through.
    gate       bigint not null default 0,
    constraint is_summed foreign key (account_id, tracking) references ledger.account (id, tracking)
) with (fillfactor = 70);

-- An account and the row that holds its balance exist together.
create function ledger.open_balance() returns trigger language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
    if new.tracking = 'R' then
        insert into running_balance (account_id, floor) select new.id, k.floor from account_kind k where k.kind = new.kind;
    else
        insert into snapshot (account_id, floor) select new.id, k.floor from account_kind k where k.kind = new.kind;
    end if;
    return null;
end $$;

create trigger open_balance after insert on ledger.account for each row execute function ledger.open_balance();

-- In cents; null for an account that does not exist. One statement, hence one snapshot: exact whatever rolls or posts meanwhile.
create function ledger.balance_of(account bigint) returns bigint language sql stable set search_path = ledger, pg_temp as $$
    select posted from running_balance where account_id = account
    union all
    select s.posted
         + coalesce((select sum(cents) from posting where credit_id = account and xid >= s.upto), 0)::bigint
         - coalesce((select sum(cents) from posting where debit_id = account and xid >= s.upto), 0)::bigint
    from snapshot s where s.account_id = account
$$;

-- In cents; zero for an account that nothing has touched yet.
create function ledger.balance(p_kind text, p_owner text) returns bigint language sql stable set search_path = ledger, pg_temp as $$
    select coalesce((select balance_of(id) from account where kind = p_kind and owner = p_owner and currency = 'KES'), 0)
$$;

-- Whoever inserts a posting, and however, the balances follow and the floors hold.
create function ledger.apply_postings() returns trigger language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
    gated bigint;
    lowest bigint;
begin
    -- A posting dated into a past transaction would fall below the watermark, and its money out of the balance.
    if exists (select from fresh where xid <> pg_current_xact_id()) then
        raise exception 'a posting belongs to the transaction that writes it' using errcode = '23514', constraint = 'same_transaction';
    end if;
    -- The same would happen to every posting of a ledger restored into a cluster that counts its transactions from further below.
    if exists (select from snapshot where account_id in (select debit_id from fresh union select credit_id from fresh)
                                      and upto > pg_current_xact_id()) then
        raise exception 'the watermarks come from another cluster' using errcode = '55000', hint = 'select ledger.rewind()';
    end if;

    perform from running_balance
        where account_id in (select debit_id from fresh union select credit_id from fresh)
        order by account_id for no key update;
    update running_balance b set posted = b.posted + moved.net
        from (select account_id, sum(cents)::bigint as net
              from (select credit_id as account_id, cents from fresh union all select debit_id, -cents from fresh) both_sides
              group by account_id) moved
        where b.account_id = moved.account_id and moved.net <> 0;

    for gated, lowest in
        select s.account_id, s.floor from snapshot s
        where s.floor is not null and s.account_id in (select debit_id from fresh) order by s.account_id
    loop
        update snapshot set gate = gate + 1 where account_id = gated;
        if balance_of(gated) < lowest then
            raise exception 'account % would fall below its floor', gated using errcode = '23514', constraint = 'no_overdraft';
        end if;
    end loop;
    return null;
end $$;

create trigger apply after insert on ledger.posting referencing new table as fresh
    for each statement execute function ledger.apply_postings();

create function ledger.refuse_empty_journal() returns trigger language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
    if not exists (select from posting where journal_id = new.id) then
        raise exception 'journal % moves nothing', new.id using errcode = '23514', constraint = 'no_empty_journal';
    end if;
    return null;
end $$;

create constraint trigger no_empty_journal after insert on ledger.journal deferrable initially deferred
    for each row execute function ledger.refuse_empty_journal();

create trigger append_only before update or delete or truncate on ledger.journal
    for each statement execute function public.refuse_change();
create trigger append_only before update or delete or truncate on ledger.posting
    for each statement execute function public.refuse_change();
create trigger append_only before update or delete or truncate on ledger.account
    for each statement execute function public.refuse_change();
create trigger append_only before delete or truncate on ledger.running_balance
    for each statement execute function public.refuse_change();
create trigger append_only before delete or truncate on ledger.snapshot
    for each statement execute function public.refuse_change();

-- The ids of these accounts, in the order asked; those that do not exist yet are opened.
create function ledger.accounts_for(p_kinds text[], p_owners text[], p_currency text) returns bigint[]
language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
    ids bigint[];
begin
    for attempt in 1..2 loop
        select array_agg(a.id order by asked.place) into ids
            from unnest(p_kinds, p_owners) with ordinality as asked (kind, owner, place)
            left join account a on a.kind = asked.kind and a.owner = asked.owner and a.currency = p_currency;
        exit when attempt = 2 or array_position(ids, null) is null;
        -- In one order for everybody, so that two first postings between the same new accounts cannot lock each other out.
        insert into account (kind, owner, currency, tracking)
            select distinct k.kind, asked.owner, p_currency, k.tracking
            from unnest(p_kinds, p_owners) as asked (kind, owner) join account_kind k on k.kind = asked.kind
            order by 1, 2
            on conflict (kind, owner, currency) do nothing;
    end loop;
    return ids;
end $$;

-- Posts one journal, once per (scope, key). The same call again answers the same journal and `fresh = false`; another body under a
-- used key is refused with KW409. Legs are parallel arrays; amounts are cents.
create function ledger.post(
    p_kind text, p_scope text, p_key text, p_cause uuid, p_at timestamptz, p_resolves bigint,
    p_debit_kinds text[], p_debit_owners text[], p_credit_kinds text[], p_credit_owners text[], p_cents bigint[],
    p_currency text default 'KES',
    out journal bigint, out fresh boolean
) language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
    legs    integer := cardinality(p_cents);
    ids     bigint[];
    debits  bigint[];
    credits bigint[];
begin
    if legs is null or legs = 0 or array[cardinality(p_debit_kinds), cardinality(p_debit_owners),
            cardinality(p_credit_kinds), cardinality(p_credit_owners)] is distinct from array[legs, legs, legs, legs] then
        raise exception 'legs must be complete' using errcode = '22023';
    end if;

    -- Waits for a twin that is still open, so that the second of two can read what the first has written.
    insert into journal as j (kind, scope, key, cause, resolves, at)
        values (p_kind, p_scope, p_key, p_cause, p_resolves, p_at)
        on conflict (scope, key) do nothing
        returning j.id into post.journal;
    fresh := post.journal is not null;

    ids := accounts_for(p_debit_kinds || p_credit_kinds, p_debit_owners || p_credit_owners, p_currency);
    debits := ids[1:legs];
    credits := ids[legs + 1:];

    if fresh then
        insert into posting (journal_id, leg, debit_id, credit_id, currency, cents)
            select post.journal, l.leg, l.debit, l.credit, p_currency, l.cents
            from unnest(debits, credits, p_cents) with ordinality as l (debit, credit, cents, leg);
        return;
    end if;

    -- Compared with what was written, not with a digest of it that somebody else computed.
    select j.id into post.journal from journal j
        where j.scope = p_scope and j.key = p_key
          and j.kind = p_kind and j.cause = p_cause and j.resolves is not distinct from p_resolves
          and (debits, credits, p_cents, p_currency) =
              (select array_agg(p.debit_id order by p.leg), array_agg(p.credit_id order by p.leg),
                      array_agg(p.cents order by p.leg), min(p.currency)::text
               from posting p where p.journal_id = j.id);
    if post.journal is null then
        raise exception 'key % of % was used for another posting', p_key, p_scope using errcode = 'KW409';
    end if;
end $$;

-- Folds the finished part of an account's tail into its snapshot. False when somebody else holds the row: next time, then.
create function ledger.roll(account bigint) returns boolean
language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
    folded  snapshot;
    horizon xid8;
begin
    select * into folded from snapshot where account_id = account for no key update skip locked;
    if not found then
        return false;
    end if;
    -- Everything below the horizon is finished, for everyone and for ever.
    horizon := pg_snapshot_xmin(pg_current_snapshot());
    if horizon <= folded.upto then
        return false;
    end if;
    update snapshot set upto = horizon, posted = folded.posted
        + coalesce((select sum(cents) from posting where credit_id = account and xid >= folded.upto and xid < horizon), 0)::bigint
        - coalesce((select sum(cents) from posting where debit_id = account and xid >= folded.upto and xid < horizon), 0)::bigint
        where account_id = account;
    return true;
end $$;

-- After a logical restore or a move to another cluster, whose transactions are counted from elsewhere: the whole history becomes
-- tail again. For the owner alone, before the doors open.
create function ledger.rewind() returns void language sql set search_path = ledger, pg_temp as $$
    update snapshot set upto = '0', posted = 0
$$;

-- What should never be found, counted in one snapshot. Reads the whole ledger: for a schedule, not for a screen.
create function ledger.verify(
    out unbalanced_currencies bigint, out drifted_accounts bigint, out drift_cents bigint, out below_floor bigint,
    out empty_journals bigint, out unexplained_in_flight bigint, out foreign_watermarks bigint
) language sql stable set search_path = ledger, pg_temp as $$
    with flow as (
        select account_id, sum(cents)::bigint as net
        from (select credit_id as account_id, cents from posting union all select debit_id, -cents from posting) both_sides
        group by account_id
    ), held as (
        select a.id, a.kind, a.currency, coalesce(r.floor, s.floor) as floor,
               balance_of(a.id) as stated, coalesce(f.net, 0) as posted
        from account a
        left join running_balance r on r.account_id = a.id
        left join snapshot s on s.account_id = a.id
        left join flow f on f.account_id = a.id
    ), open_reservation as (
        select p.credit_id as account_id, sum(p.cents)::bigint as cents
        from posting p join account a on a.id = p.credit_id and a.kind = 'in_flight'
        where not exists (select from journal j where j.resolves = p.journal_id)
        group by p.credit_id
    )
    select
        (select count(*) from (select from held group by currency having sum(stated) <> 0) c),
        (select count(*) from held where stated is distinct from posted),
        (select coalesce(sum(abs(coalesce(stated, 0) - posted)), 0)::bigint from held),
        (select count(*) from held where stated < floor),
        (select count(*) from journal j where not exists (select from posting p where p.journal_id = j.id)),
        (select count(*) from held h left join open_reservation o on o.account_id = h.id
            where h.kind = 'in_flight' and h.stated is distinct from coalesce(o.cents, 0)),
        (select count(*) from snapshot where upto > pg_snapshot_xmax(pg_current_snapshot()))
$$;

-- The product reads the ledger and calls its functions; it writes no row of it. What later migrations create in `public` it may
-- read and write, and each of those migrations takes back what its own tables forbid.
revoke all on all functions in schema ledger from public;
grant usage on schema ledger to kwastage_app;
grant select on all tables in schema ledger to kwastage_app;
grant execute on function ledger.post, ledger.balance_of, ledger.balance, ledger.roll, ledger.verify to kwastage_app;

grant select, insert on event to kwastage_app;
grant select, insert, update, delete on job to kwastage_app;
alter default privileges in schema public grant select, insert, update, delete on tables to kwastage_app;
alter default privileges in schema public grant usage on sequences to kwastage_app;
