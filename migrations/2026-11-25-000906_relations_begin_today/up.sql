-- A relation begins on the practice's own day. CURRENT_DATE is the session's: at 19:30 in Quito it is
-- tomorrow already.
CREATE FUNCTION begin_relation_today() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.started_on := coalesce(NEW.started_on, practice_today(NEW.tenant_id));
    RETURN NEW;
END
$$;
ALTER FUNCTION begin_relation_today() OWNER TO denticloud_records;
REVOKE ALL ON FUNCTION begin_relation_today() FROM PUBLIC;

ALTER TABLE patient_dentists ALTER started_on DROP DEFAULT;
CREATE TRIGGER begin_relation_today BEFORE INSERT ON patient_dentists
    FOR EACH ROW EXECUTE FUNCTION begin_relation_today();
