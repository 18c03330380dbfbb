-- The table, its partitions and their indexes.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT relname, CASE WHEN relkind IN ('i', 'I') THEN 'INDEX' ELSE 'TABLE' END AS kind
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname LIKE 'strangers%'
            AND relkind IN ('r', 'p', 'i', 'I')
    LOOP
        EXECUTE format('ALTER %s %I RENAME TO %I', c.kind, c.relname, replace(c.relname, 'strangers', 'unenrolled_probes'));
    END LOOP;
END
$$;
