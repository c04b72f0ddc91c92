-- Lines of the audit log that functions write (a practice that received a patient, an answered
-- question, a merged record) tell from where, too: the transaction says so in its settings.
CREATE FUNCTION audit_origin() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.address := nullif(current_setting('app.address', true), '');
    NEW.request_id := nullif(current_setting('app.request_id', true), '');
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_origin BEFORE INSERT ON audit_log
    FOR EACH ROW WHEN (NEW.address IS NULL AND NEW.request_id IS NULL)
    EXECUTE FUNCTION audit_origin();
