-- Whose rights have changed, for the sockets of every process: read by transaction id, as
-- calendar_events are. Triggers write it, so that no way of changing a right can forget to tell.
CREATE TABLE access_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid, -- no references: it is told of rows that are gone, too
    key_id uuid,
    tenant_id uuid,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, key_id, tenant_id) = 1)
);
CREATE INDEX access_changes_xid ON access_changes (xid);
ALTER TABLE access_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_changes FORCE ROW LEVEL SECURITY;
-- Ids only, and only for the program: the app's role looks through the function below.
CREATE POLICY lookup ON access_changes FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup_append ON access_changes FOR INSERT TO denticloud_lookup WITH CHECK (true);
GRANT SELECT, INSERT ON access_changes TO denticloud_lookup;
-- The engine's housekeeping forgets old ones.
CREATE POLICY engine ON access_changes TO denticloud_engine USING (true);
GRANT SELECT, DELETE ON access_changes TO denticloud_engine;

CREATE FUNCTION tell_access_of_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO access_changes (user_id) VALUES (OLD.user_id);
    RETURN NULL;
END
$$;
CREATE FUNCTION tell_access_of_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO access_changes (user_id) VALUES (OLD.id);
    RETURN NULL;
END
$$;
CREATE FUNCTION tell_access_of_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO access_changes (key_id) VALUES (OLD.id);
    RETURN NULL;
END
$$;
CREATE FUNCTION tell_access_of_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO access_changes (tenant_id) VALUES (OLD.id);
    RETURN NULL;
END
$$;

-- What has changed since a moment, a part of it perhaps known already.
CREATE FUNCTION lookup_access_changes(since xid8)
RETURNS TABLE (id bigint, user_id uuid, key_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.id, c.user_id, c.key_id, c.tenant_id FROM access_changes c
    WHERE c.xid >= since ORDER BY c.id
$$;

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    FOREACH signature IN ARRAY ARRAY[
        'tell_access_of_user()', 'tell_access_of_account()', 'tell_access_of_key()',
        'tell_access_of_tenant()', 'lookup_access_changes(xid8)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    END LOOP;
    GRANT EXECUTE ON FUNCTION lookup_access_changes(xid8) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;

-- A right that is new needs no telling: whoever has it asks for what it allows.
CREATE TRIGGER tell_access AFTER DELETE OR UPDATE OF role, permissions, status ON memberships
    FOR EACH ROW EXECUTE FUNCTION tell_access_of_user();
CREATE TRIGGER tell_access AFTER DELETE OR UPDATE OF is_super_admin ON users
    FOR EACH ROW EXECUTE FUNCTION tell_access_of_account();
CREATE TRIGGER tell_access AFTER UPDATE OF revoked_at ON refresh_tokens
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION tell_access_of_user();
CREATE TRIGGER tell_access AFTER DELETE OR UPDATE OF revoked_at, scopes, expires_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION tell_access_of_key();
CREATE TRIGGER tell_access AFTER UPDATE OF status ON tenants
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION tell_access_of_tenant();
