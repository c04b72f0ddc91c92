-- From where and in which role something was done.
ALTER TABLE audit_log
    ADD COLUMN role text,
    ADD COLUMN address text, -- as the server saw it
    ADD COLUMN request_id text; -- `X-Request-Id`, or session and number of a frame

-- The log is read newest first, of a practice or of all: by time, by who did it, by what it was
-- done to.
DROP INDEX audit_log_tenant_at;
CREATE INDEX audit_log_tenant ON audit_log (tenant_id, id);
CREATE INDEX audit_log_subject ON audit_log (subject_id, id) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_log_actor ON audit_log (actor, id);

-- A super admin acts upon practices without being at work in them.
DROP POLICY app_append ON audit_log;
CREATE POLICY app_append ON audit_log FOR INSERT TO denticloud_app
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]) OR tenant_id IS NULL
        OR (SELECT app_is_super_admin()));
