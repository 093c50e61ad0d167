-- The product's own role may see how far the migrations have come: serve and doctor ask before they work.
-- The table is the migrator's own and is not there when migrations are applied by hand.
do $$
begin
    if to_regclass('_sqlx_migrations') is not null then
        grant select on _sqlx_migrations to kwastage_app;
    end if;
end $$;
