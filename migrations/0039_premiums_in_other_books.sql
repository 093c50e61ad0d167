-- A premium as the payments, the wallets and the receipts know it, beside whatever else they know by now.

alter table obligation add column policy_id uuid references policy;
do $$
declare kept record;
begin
    for kept in
        select conrelid::regclass as of_table, conname, pg_get_expr(conbin, conrelid) as rule, named.word
        from pg_constraint
        join (values ('obligation_purpose_check', 'purpose = ''premium'''),
                     ('wallet_movement_what_check', 'what in (''premium'', ''premium_refund'')'),
                     ('receipt_what_check', 'what = ''premium''')) as named (conname, word) using (conname)
        union all
        -- Which kinds come in: the rule has had several names.
        select conrelid::regclass, conname, pg_get_expr(conbin, conrelid), 'what = ''premium_refund'''
        from pg_constraint
        where conrelid = 'wallet_movement'::regclass and contype = 'c'
          and pg_get_expr(conbin, conrelid) ~ 'direction' and pg_get_expr(conbin, conrelid) ~ 'what'
    loop
        execute format('alter table %s drop constraint %I', kept.of_table, kept.conname);
        execute format('alter table %s add constraint %I check (%s or %s)', kept.of_table, kept.conname, kept.rule, kept.word);
    end loop;
end $$;
alter table wallet_movement add constraint wallet_movement_refund_comes_in check (what <> 'premium_refund' or direction = 'in');
alter table obligation add constraint obligation_of_policy check ((purpose = 'premium') = (policy_id is not null));
