-- Tables that every booking writes to are found by their keys, by tenant or by time, and a sample of 6,000
-- rows tells enough for that. ANALYZE read and sorted five times as many, and took most of a second of a
-- core that bookings waited for (`docs/performance.md`).
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
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 20', found.of_table, found.name);
    END LOOP;
END
$$;
