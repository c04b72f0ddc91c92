DROP TRIGGER audit_origin ON audit_log;
DROP FUNCTION audit_origin();
