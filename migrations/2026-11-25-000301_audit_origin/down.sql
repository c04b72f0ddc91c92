DROP POLICY app_append ON audit_log;
CREATE POLICY app_append ON audit_log FOR INSERT TO denticloud_app
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]) OR tenant_id IS NULL);

DROP INDEX audit_log_actor, audit_log_subject, audit_log_tenant;
CREATE INDEX audit_log_tenant_at ON audit_log (tenant_id, at);

ALTER TABLE audit_log DROP COLUMN request_id, DROP COLUMN address, DROP COLUMN role;
