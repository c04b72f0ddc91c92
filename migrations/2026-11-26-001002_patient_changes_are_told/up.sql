-- Every node remembers what calendars say of patients until it hears of a change: those are told like
-- rights that end.
ALTER TABLE access_changes ADD COLUMN patient_id uuid, -- with the practice whose card of them it is
    ADD CHECK (patient_id IS NULL OR tenant_id IS NOT NULL);

CREATE FUNCTION tell_of_patient() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO access_changes (tenant_id, patient_id)
        SELECT r.tenant_id, r.patient_id FROM patient_dentists r WHERE r.patient_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE FUNCTION tell_of_relation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO access_changes (tenant_id, patient_id) VALUES (OLD.tenant_id, OLD.patient_id);
    RETURN NULL;
END
$$;

DROP FUNCTION lookup_access_changes(xid8);
-- What has changed since a moment, a part of it perhaps known already.
CREATE FUNCTION lookup_access_changes(since xid8)
RETURNS TABLE (id bigint, user_id uuid, key_id uuid, tenant_id uuid, patient_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.id, c.user_id, c.key_id, c.tenant_id, c.patient_id FROM access_changes c
    WHERE c.xid >= since ORDER BY c.id
$$;

-- Cards of many practices' patients at once: each of the practice at the same place. Of those who have
-- left no more than the name. (The practice comes out of the list for the planner's sake, too: one that
-- it knows is read whole, as if all practices had as few patients as most.)
DROP FUNCTION patient_cards(uuid, uuid[]);
CREATE FUNCTION patient_cards(tenants uuid[], wanted uuid[])
RETURNS TABLE (
    tenant_id uuid, patient_id uuid, first_name text, last_name text, calendar_id uuid, active boolean,
    archived_at timestamptz, email text, phone text, date_of_birth date)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 20 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT r.tenant_id, p.id, p.first_name, p.last_name, p.calendar_id, r.status = 'active',
        CASE WHEN r.status = 'active' THEN r.archived_at END,
        CASE WHEN r.status = 'active' THEN p.email END,
        CASE WHEN r.status = 'active' THEN p.phone END,
        CASE WHEN r.status = 'active' THEN p.date_of_birth END
    FROM unnest(tenants, wanted) AS w (tenant_id, patient_id)
    JOIN patient_dentists r ON r.tenant_id = w.tenant_id AND r.patient_id = w.patient_id
    JOIN patients p ON p.id = r.patient_id
    WHERE w.tenant_id = ANY (app_tenants());
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup, denticloud_records;
    FOREACH signature IN ARRAY ARRAY[
        'tell_of_patient()', 'tell_of_relation()', 'lookup_access_changes(xid8)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    END LOOP;
    ALTER FUNCTION patient_cards(uuid[], uuid[]) OWNER TO denticloud_records;
    REVOKE ALL ON FUNCTION patient_cards(uuid[], uuid[]) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION lookup_access_changes(xid8), patient_cards(uuid[], uuid[]) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup, denticloud_records;
END
$$;

CREATE TRIGGER tell_patient AFTER UPDATE OF first_name, last_name ON patients
    FOR EACH ROW WHEN ((OLD.first_name, OLD.last_name) IS DISTINCT FROM (NEW.first_name, NEW.last_name))
    EXECUTE FUNCTION tell_of_patient();
CREATE TRIGGER tell_relation AFTER UPDATE OF status, archived_at ON patient_dentists
    FOR EACH ROW WHEN ((OLD.status, OLD.archived_at) IS DISTINCT FROM (NEW.status, NEW.archived_at))
    EXECUTE FUNCTION tell_of_relation();
CREATE TRIGGER tell_relation_gone AFTER DELETE ON patient_dentists
    FOR EACH ROW EXECUTE FUNCTION tell_of_relation();
