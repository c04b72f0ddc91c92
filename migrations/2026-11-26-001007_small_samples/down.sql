DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT attrelid::regclass AS of_table, attname AS name FROM pg_attribute
        WHERE attrelid = ANY (ARRAY['appointments', 'audit_log', 'calendar_events', 'calendars', 'claims',
                'claims_past', 'freed_times', 'holds', 'idempotency_results', 'outbox',
                'request_answers']::regclass[])
            AND attnum > 0 AND NOT attisdropped AND attstattarget <> 0
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS -1', found.of_table, found.name);
    END LOOP;
END
$$;
