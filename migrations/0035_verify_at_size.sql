-- Looking for what should never be found, for a ledger of ten million postings: tables are read in their own order, both cores
-- are used, and a balance is asked for only where it is not one number in one row. What it finds has not changed, but for one more:
-- postings that no journal of their own transaction stands behind, or that name an account that does not exist. Foreign keys keep
-- them out; a restore that went wrong would not.

alter function ledger.balance_of(bigint) parallel safe;

drop function ledger.verify();

-- One row. `return query` is the one way for a function to have its query done by several processes.
create function ledger.verify() returns table (
    unbalanced_currencies bigint, drifted_accounts bigint, drift_cents bigint, below_floor bigint,
    empty_journals bigint, stray_postings bigint, unexplained_in_flight bigint, foreign_watermarks bigint
) language plpgsql stable rows 1 set search_path = ledger, pg_temp set work_mem = '128MB' as $$
#variable_conflict use_column
begin
    return query with flow as materialized (
        select account_id, sum(net)::bigint as net
        from (select credit_id as account_id, sum(cents) as net from posting group by credit_id
              union all
              select debit_id, -sum(cents) from posting group by debit_id) both_sides
        group by account_id
    ), held as materialized (
        select a.id, a.kind, a.currency, coalesce(r.floor, s.floor) as floor,
               -- Wallets are thousands and one row each; only for the others is the tail read.
               coalesce(r.posted, balance_of(a.id)) as stated, coalesce(f.net, 0) as posted
        from account a
        left join running_balance r on r.account_id = a.id
        left join snapshot s on s.account_id = a.id
        left join flow f on f.account_id = a.id
    ), open_reservation as (
        select p.credit_id as account_id, sum(p.cents)::bigint as cents
        from account a join posting p on p.credit_id = a.id
        where a.kind = 'in_flight' and not exists (select from journal j where j.resolves = p.journal_id)
        group by p.credit_id
    )
    select
        (select count(*) from (select from held group by currency having sum(stated) <> 0) c),
        (select count(*) from held where stated is distinct from posted),
        (select coalesce(sum(abs(coalesce(stated, 0) - posted)), 0)::bigint from held),
        (select count(*) from held where stated < floor),
        (select count(*) from journal j where not exists (select from posting p where p.journal_id = j.id)),
        (select count(*) from posting p where not exists (select from journal j where j.id = p.journal_id and j.xid = p.xid))
            + (select count(*) from flow f where not exists (select from account a where a.id = f.account_id)),
        (select count(*) from held h left join open_reservation o on o.account_id = h.id
            where h.kind = 'in_flight' and h.stated is distinct from coalesce(o.cents, 0)),
        (select count(*) from snapshot where upto > pg_snapshot_xmax(pg_current_snapshot()));
end $$;

revoke all on function ledger.verify() from public;
grant execute on function ledger.verify() to kwastage_app;
