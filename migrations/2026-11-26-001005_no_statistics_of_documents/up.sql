-- Nobody searches in these documents, and no plan depends on what is in them. To sample and sort them took
-- most of what autovacuum's ANALYZE did, on a core that bookings waited for (`docs/performance.md`).
ALTER TABLE appointments ALTER COLUMN pattern SET STATISTICS 0;
ALTER TABLE holds ALTER COLUMN pattern SET STATISTICS 0;
ALTER TABLE calendar_events ALTER COLUMN operations SET STATISTICS 0;
ALTER TABLE calendars ALTER COLUMN base SET STATISTICS 0;
ALTER TABLE idempotency_results ALTER COLUMN result SET STATISTICS 0, ALTER COLUMN fingerprint SET STATISTICS 0;
ALTER TABLE audit_log ALTER COLUMN before SET STATISTICS 0, ALTER COLUMN after SET STATISTICS 0;
ALTER TABLE request_answers ALTER COLUMN answer SET STATISTICS 0;
