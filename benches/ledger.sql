-- One contribution per transaction into one account, through all of the ledger's guards. On a migrated database of its own:
--
--   pgbench "$DATABASE_URL" -n -M prepared -c 64 -j 2 -T 60 -D kind=fund   -D owner=1   -f benches/ledger.sql
--   pgbench "$DATABASE_URL" -n -M prepared -c 64 -j 2 -T 60 -D kind=wallet -D owner=hot -f benches/ledger.sql
--
-- The first is the hot fund, whose credits wait for nobody; the second is the same posting into an account with a running balance,
-- which is what a fund kept in one row would cost. Wanted: at least 3,000/s for the fund even where a commit takes 3 ms more, and
-- eight times the row. `select * from ledger.verify()` afterwards finds nothing.
select journal from ledger.post(
    'contribution_received', 'bench', gen_random_uuid()::text, gen_random_uuid(), now(), null,
    '{mpesa_paybill}', '{""}', array[:kind]::text[], array[:owner]::text[], '{20000}');
