DROP FUNCTION operatory_booked(uuid[], timestamptz[], timestamptz[], uuid);
DROP POLICY app_admin ON providers;
DROP POLICY app_admin ON assignment_hours;
DROP POLICY app ON assignment_hours;
CREATE POLICY app ON assignment_hours TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
DROP POLICY app_admin ON assignments;
DROP POLICY app ON assignments;
CREATE POLICY app ON assignments TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]) OR (SELECT app_is_super_admin()))
    WITH CHECK ((SELECT app_is_super_admin()));
