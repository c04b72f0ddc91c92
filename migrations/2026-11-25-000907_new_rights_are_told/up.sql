-- Every node remembers who works where for a minute: new memberships and what is said of people and
-- practices are told like rights that end.
CREATE FUNCTION tell_access_of_new_member() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO access_changes (user_id) VALUES (NEW.user_id);
    RETURN NULL;
END
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    ALTER FUNCTION tell_access_of_new_member() OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION tell_access_of_new_member() FROM PUBLIC;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
CREATE TRIGGER tell_new_member AFTER INSERT ON memberships
    FOR EACH ROW EXECUTE FUNCTION tell_access_of_new_member();
CREATE TRIGGER tell_own_record AFTER UPDATE OF user_id ON patients
    FOR EACH ROW WHEN (NEW.user_id IS NOT NULL AND NEW.user_id IS DISTINCT FROM OLD.user_id)
    EXECUTE FUNCTION tell_access_of_new_member();
CREATE TRIGGER tell_account AFTER UPDATE OF email, name, locale, email_verified_at ON users
    FOR EACH ROW WHEN ((OLD.email, OLD.name, OLD.locale, OLD.email_verified_at)
        IS DISTINCT FROM (NEW.email, NEW.name, NEW.locale, NEW.email_verified_at))
    EXECUTE FUNCTION tell_access_of_account();
CREATE TRIGGER tell_practice AFTER UPDATE OF name, subdomain, zone, locale ON tenants
    FOR EACH ROW WHEN ((OLD.name, OLD.subdomain, OLD.zone, OLD.locale)
        IS DISTINCT FROM (NEW.name, NEW.subdomain, NEW.zone, NEW.locale))
    EXECUTE FUNCTION tell_access_of_tenant();
