DROP FUNCTION lookup_offer(bytea);
DROP POLICY lookup ON waitlist_offers;
REVOKE SELECT (tenant_id, id, hold_id, token_hash) ON waitlist_offers FROM denticloud_lookup;
DROP FUNCTION lookup_patient_calendars(uuid, uuid[]);
REVOKE SELECT (tenant_id, patient_id, status) ON patient_dentists FROM denticloud_lookup;
REVOKE SELECT (id, calendar_id) ON patients FROM denticloud_lookup;
DROP POLICY lookup_calendars ON patient_dentists;
GRANT INSERT, UPDATE, DELETE ON waitlist_offers TO denticloud_app;
REVOKE ALL ON waitlist_offers FROM denticloud_engine;
REVOKE UPDATE (status, closed_at) ON waitlist_offers FROM denticloud_engine;
REVOKE ALL ON waitlist_entries FROM denticloud_engine;
REVOKE UPDATE (status) ON waitlist_entries FROM denticloud_engine;
DROP POLICY engine ON waitlist_offers;
DROP POLICY engine ON waitlist_entries;
DROP TABLE freed_times;
ALTER TABLE waitlist_entries
    DROP CONSTRAINT waitlist_entries_times,
    DROP CONSTRAINT waitlist_entries_dates,
    DROP CONSTRAINT waitlist_entries_weekdays;
DROP INDEX waitlist_offers_entry;
DROP INDEX waitlist_offers_hold;
DROP INDEX waitlist_offers_open;
ALTER TABLE waitlist_offers
    DROP CONSTRAINT waitlist_offers_tenant_id_id_key,
    DROP COLUMN provider_id, DROP COLUMN operatory_id, DROP COLUMN start_at, DROP COLUMN end_at,
    DROP COLUMN closed_at;
