-- Enabled and forced everywhere: without a setting there are no rows, for the owner too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'users', 'refresh_tokens', 'tenants', 'memberships', 'patients', 'patient_dentists',
        'calendars', 'clinics', 'operatories', 'providers', 'equipment', 'assignments',
        'assignment_hours', 'calendar_hours', 'schedule_exceptions', 'treatments',
        'treatment_providers', 'treatment_operatories', 'treatment_equipment',
        'series', 'appointments', 'holds', 'claims', 'claims_past', 'calendar_events',
        'idempotency_results', 'outbox', 'audit_log', 'waitlist_entries', 'waitlist_offers'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;

    -- Rows of one tenant, changed through the API.
    FOREACH name IN ARRAY ARRAY[
        'patient_dentists', 'providers', 'equipment', 'assignment_hours', 'calendar_hours',
        'treatments', 'treatment_providers', 'treatment_operatories', 'treatment_equipment',
        'waitlist_entries', 'waitlist_offers'] LOOP
        EXECUTE format('CREATE POLICY app ON %I TO denticloud_app
            USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
            WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO denticloud_app', name);
    END LOOP;

    -- Rows of one tenant that only the engine changes, through its commit.
    FOREACH name IN ARRAY ARRAY['series', 'appointments', 'holds', 'claims', 'claims_past'] LOOP
        EXECUTE format('CREATE POLICY app ON %I FOR SELECT TO denticloud_app
            USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))', name);
        EXECUTE format('GRANT SELECT ON %I TO denticloud_app', name);
    END LOOP;

    -- The engine: scheduling tables only.
    FOREACH name IN ARRAY ARRAY[
        'calendars', 'series', 'appointments', 'holds', 'claims', 'claims_past', 'calendar_events',
        'idempotency_results', 'outbox'] LOOP
        EXECUTE format('CREATE POLICY engine ON %I TO denticloud_engine USING (true) WITH CHECK (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO denticloud_engine', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY[
        'tenants', 'clinics', 'operatories', 'providers', 'equipment', 'assignments',
        'assignment_hours', 'calendar_hours', 'schedule_exceptions', 'treatments',
        'treatment_providers', 'treatment_operatories', 'treatment_equipment'] LOOP
        EXECUTE format('CREATE POLICY engine ON %I FOR SELECT TO denticloud_engine USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO denticloud_engine', name);
    END LOOP;
END
$$;

-- A calendar's identity never changes and a version only moves in the engine's commit.
REVOKE INSERT, DELETE ON calendars FROM denticloud_engine;
REVOKE DELETE ON calendar_events FROM denticloud_engine;

-- Accounts: oneself, and for a practice its members.
CREATE POLICY app_self ON users TO denticloud_app
    USING (id = (SELECT app_user())) WITH CHECK (id = (SELECT app_user()));
CREATE POLICY app_admin ON users TO denticloud_app
    USING ((SELECT app_is_super_admin())) WITH CHECK ((SELECT app_is_super_admin()));
CREATE POLICY app_members ON users FOR SELECT TO denticloud_app
    USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id
        AND m.tenant_id = ANY ((SELECT app_tenants())::uuid[])));
GRANT SELECT, INSERT, UPDATE ON users TO denticloud_app;

CREATE POLICY app_self ON refresh_tokens TO denticloud_app
    USING (user_id = (SELECT app_user())) WITH CHECK (user_id = (SELECT app_user()));
GRANT SELECT, INSERT, UPDATE ON refresh_tokens TO denticloud_app;

CREATE POLICY app ON tenants FOR SELECT TO denticloud_app
    USING (id = ANY ((SELECT app_tenants())::uuid[]));
CREATE POLICY app_update ON tenants FOR UPDATE TO denticloud_app
    USING (id = ANY ((SELECT app_tenants())::uuid[]));
CREATE POLICY app_admin ON tenants TO denticloud_app
    USING ((SELECT app_is_super_admin())) WITH CHECK ((SELECT app_is_super_admin()));
GRANT SELECT, INSERT, UPDATE ON tenants TO denticloud_app;

CREATE POLICY app_self ON memberships FOR SELECT TO denticloud_app
    USING (user_id = (SELECT app_user()));
CREATE POLICY app ON memberships TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
GRANT SELECT, INSERT, UPDATE ON memberships TO denticloud_app;

-- A patient is seen by the practices with a relation and by the person. A new record has no
-- relation yet, so a practice may insert it, and reads it once the relation is there.
CREATE POLICY app_related ON patients TO denticloud_app
    USING (EXISTS (SELECT FROM patient_dentists r WHERE r.patient_id = patients.id
        AND r.status = 'active' AND r.tenant_id = ANY ((SELECT app_tenants())::uuid[])))
    WITH CHECK (true);
CREATE POLICY app_self ON patients FOR SELECT TO denticloud_app
    USING (user_id = (SELECT app_user()));
GRANT SELECT, INSERT, UPDATE ON patients TO denticloud_app;

-- Calendars are made with their resource: a practice makes its own and its patients', a super
-- admin operatories'.
CREATE POLICY app ON calendars FOR SELECT TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[])
        OR (SELECT app_is_super_admin())
        OR (kind = 'operatory' AND EXISTS (SELECT FROM operatories o
            JOIN assignments a ON a.operatory_id = o.id
            WHERE o.calendar_id = calendars.id AND a.tenant_id = ANY ((SELECT app_tenants())::uuid[]))));
CREATE POLICY app_insert ON calendars FOR INSERT TO denticloud_app
    WITH CHECK (version = 0 AND base_version = 0 AND CASE kind
        WHEN 'operatory' THEN (SELECT app_is_super_admin())
        WHEN 'patient' THEN cardinality((SELECT app_tenants())) > 0 OR (SELECT app_is_super_admin())
        ELSE tenant_id = ANY ((SELECT app_tenants())::uuid[]) END);
GRANT SELECT, INSERT ON calendars TO denticloud_app;

-- Clinics and operatories are known to everyone who works somewhere; a super admin changes them.
CREATE POLICY app ON clinics FOR SELECT TO denticloud_app USING (true);
CREATE POLICY app_admin ON clinics TO denticloud_app
    USING ((SELECT app_is_super_admin())) WITH CHECK ((SELECT app_is_super_admin()));
CREATE POLICY app ON operatories FOR SELECT TO denticloud_app USING (true);
CREATE POLICY app_admin ON operatories TO denticloud_app
    USING ((SELECT app_is_super_admin())) WITH CHECK ((SELECT app_is_super_admin()));
GRANT SELECT, INSERT, UPDATE ON clinics, operatories TO denticloud_app;

CREATE POLICY app ON assignments TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]) OR (SELECT app_is_super_admin()))
    WITH CHECK ((SELECT app_is_super_admin()));
GRANT SELECT, INSERT, UPDATE, DELETE ON assignments TO denticloud_app;

-- Rows without a tenant are a clinic's or operatory's holidays: read by all, changed by super admins.
CREATE POLICY app ON schedule_exceptions TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
CREATE POLICY app_shared ON schedule_exceptions FOR SELECT TO denticloud_app USING (tenant_id IS NULL);
CREATE POLICY app_admin ON schedule_exceptions TO denticloud_app
    USING (tenant_id IS NULL AND (SELECT app_is_super_admin()))
    WITH CHECK (tenant_id IS NULL AND (SELECT app_is_super_admin()));
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_exceptions TO denticloud_app;

-- Append-only: no role may update or delete.
CREATE POLICY app_read ON audit_log FOR SELECT TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]) OR (SELECT app_is_super_admin()));
CREATE POLICY app_append ON audit_log FOR INSERT TO denticloud_app
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]) OR tenant_id IS NULL);
CREATE POLICY engine_append ON audit_log FOR INSERT TO denticloud_engine WITH CHECK (true);
GRANT SELECT, INSERT ON audit_log TO denticloud_app;
GRANT INSERT ON audit_log TO denticloud_engine;
