DROP FUNCTION lookup_principal(uuid);
CREATE FUNCTION lookup_principal(wanted uuid)
RETURNS TABLE (
    email text, user_name text, is_super_admin boolean, is_patient boolean,
    tenant_id uuid, tenant_name text, subdomain text, zone text, locale text, status text,
    role text, permissions text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.email, u.name, u.is_super_admin,
        EXISTS (SELECT FROM patients p WHERE p.user_id = u.id),
        t.id, t.name, t.subdomain, t.zone, t.locale, t.status, m.role, m.permissions
    FROM users u
    LEFT JOIN memberships m ON m.user_id = u.id AND m.status = 'active'
    LEFT JOIN tenants t ON t.id = m.tenant_id
    WHERE u.id = wanted
    ORDER BY t.name, t.id
$$;
DROP FUNCTION lookup_refresh_token(bytea);
CREATE FUNCTION lookup_refresh_token(wanted bytea)
RETURNS TABLE (id uuid, user_id uuid, family uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.user_id, t.family FROM refresh_tokens t WHERE t.token_hash = wanted
$$;
DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    FOREACH signature IN ARRAY ARRAY['lookup_refresh_token(bytea)', 'lookup_principal(uuid)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO denticloud_app';
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
REVOKE DELETE ON refresh_tokens FROM denticloud_app;
DROP INDEX refresh_tokens_revoked;
ALTER TABLE refresh_tokens DROP COLUMN started_at, DROP COLUMN user_agent, DROP COLUMN address;
