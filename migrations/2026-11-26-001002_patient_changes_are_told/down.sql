DROP TRIGGER tell_relation_gone ON patient_dentists;
DROP TRIGGER tell_relation ON patient_dentists;
DROP TRIGGER tell_patient ON patients;
DROP FUNCTION tell_of_patient();
DROP FUNCTION tell_of_relation();
DROP FUNCTION patient_cards(uuid[], uuid[]);
-- As 2026-11-25-000601 had it.
CREATE FUNCTION patient_cards(wanted_tenant uuid, wanted uuid[])
RETURNS TABLE (
    patient_id uuid, first_name text, last_name text, calendar_id uuid, active boolean, archived boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.first_name, p.last_name, p.calendar_id, r.status = 'active', r.archived_at IS NOT NULL
    FROM patient_dentists r JOIN patients p ON p.id = r.patient_id
    WHERE r.tenant_id = wanted_tenant AND r.patient_id = ANY (wanted)
        AND wanted_tenant = ANY (app_tenants())
$$;
DROP FUNCTION lookup_access_changes(xid8);
-- As 2026-11-25-000801 had it.
CREATE FUNCTION lookup_access_changes(since xid8)
RETURNS TABLE (id bigint, user_id uuid, key_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.id, c.user_id, c.key_id, c.tenant_id FROM access_changes c
    WHERE c.xid >= since ORDER BY c.id
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup, denticloud_records;
    ALTER FUNCTION lookup_access_changes(xid8) OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION lookup_access_changes(xid8) FROM PUBLIC;
    ALTER FUNCTION patient_cards(uuid, uuid[]) OWNER TO denticloud_records;
    REVOKE ALL ON FUNCTION patient_cards(uuid, uuid[]) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION lookup_access_changes(xid8), patient_cards(uuid, uuid[]) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup, denticloud_records;
END
$$;
-- Rows of patients would read as of whole practices.
DELETE FROM access_changes WHERE patient_id IS NOT NULL;
ALTER TABLE access_changes DROP COLUMN patient_id;
