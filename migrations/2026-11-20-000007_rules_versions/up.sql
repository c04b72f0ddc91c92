-- Changes of rules, for the other processes: read by transaction id, as calendar_events are.
CREATE TABLE rules_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid REFERENCES tenants,
    clinic_id uuid REFERENCES clinics,
    version bigint NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(tenant_id, clinic_id) = 1)
);
CREATE INDEX rules_changes_xid ON rules_changes (xid);
ALTER TABLE rules_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE rules_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON rules_changes TO denticloud_engine USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON rules_changes TO denticloud_engine;

CREATE POLICY engine_rules ON tenants FOR UPDATE TO denticloud_engine USING (true);
CREATE POLICY engine_rules ON clinics FOR UPDATE TO denticloud_engine USING (true);
GRANT UPDATE (rules_version) ON tenants, clinics TO denticloud_engine;

-- Called in the transaction of every change of hours, exceptions, treatments or policy. It takes
-- the calendars that the rules govern first: a booking that has them was decided and committed
-- before, one that comes later reads the new number.
CREATE FUNCTION tenant_rules_changed(wanted uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    raised bigint;
BEGIN
    IF NOT (wanted = ANY (app_tenants()) OR app_is_super_admin()) THEN
        RAISE EXCEPTION 'not a tenant of this transaction' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM id FROM calendars WHERE tenant_id = wanted ORDER BY id FOR UPDATE;
    UPDATE tenants SET rules_version = rules_version + 1 WHERE id = wanted
        RETURNING rules_version INTO raised;
    INSERT INTO rules_changes (tenant_id, version) VALUES (wanted, raised);
    RETURN raised;
END
$$;
CREATE FUNCTION clinic_rules_changed(wanted uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    raised bigint;
BEGIN
    IF NOT app_is_super_admin() THEN
        RAISE EXCEPTION 'clinics are changed by super admins' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM c.id FROM calendars c JOIN operatories o ON o.calendar_id = c.id
        WHERE o.clinic_id = wanted ORDER BY c.id FOR UPDATE OF c;
    UPDATE clinics SET rules_version = rules_version + 1 WHERE id = wanted
        RETURNING rules_version INTO raised;
    INSERT INTO rules_changes (clinic_id, version) VALUES (wanted, raised);
    RETURN raised;
END
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_engine;
    ALTER FUNCTION tenant_rules_changed(uuid) OWNER TO denticloud_engine;
    ALTER FUNCTION clinic_rules_changed(uuid) OWNER TO denticloud_engine;
    REVOKE CREATE ON SCHEMA public FROM denticloud_engine;
    REVOKE ALL ON FUNCTION tenant_rules_changed(uuid), clinic_rules_changed(uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION tenant_rules_changed(uuid), clinic_rules_changed(uuid) TO denticloud_app;
END
$$;
