-- What must be looked up before the tenant or the user is known. Each function answers one
-- question; denticloud_lookup owns them and may read the few tables they need.
CREATE POLICY lookup ON users FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON refresh_tokens FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON memberships FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON tenants FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON operatories FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON assignments FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT ON users, refresh_tokens, memberships, tenants, operatories, assignments TO denticloud_lookup;

-- The account of an e-mail address, for checking its password.
CREATE FUNCTION lookup_login(wanted text)
RETURNS TABLE (id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, u.password_hash FROM users u WHERE u.email = lower(wanted)
$$;

-- Whose a refresh token is.
CREATE FUNCTION lookup_refresh_token(wanted bytea)
RETURNS TABLE (id uuid, user_id uuid, family uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.user_id, t.family FROM refresh_tokens t WHERE t.token_hash = wanted
$$;

-- The practices a user works for.
CREATE FUNCTION lookup_workspaces(wanted uuid)
RETURNS TABLE (
    tenant_id uuid, name text, subdomain text, zone text, status text, role text, permissions text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.name, t.subdomain, t.zone, t.status, m.role, m.permissions
    FROM memberships m JOIN tenants t ON t.id = m.tenant_id
    WHERE m.user_id = wanted AND m.status = 'active'
    ORDER BY t.name, t.id
$$;

-- The practice behind a public address.
CREATE FUNCTION lookup_practice(wanted text)
RETURNS TABLE (tenant_id uuid, name text, zone text, locale text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.name, t.zone, t.locale, t.status FROM tenants t WHERE t.subdomain = wanted
$$;

DO $$
DECLARE
    signature text;
BEGIN
    -- A function's owner must be able to own objects here, for the moment of the change.
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    FOREACH signature IN ARRAY ARRAY[
        'lookup_login(text)', 'lookup_refresh_token(bytea)', 'lookup_workspaces(uuid)',
        'lookup_practice(text)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO denticloud_app';
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
