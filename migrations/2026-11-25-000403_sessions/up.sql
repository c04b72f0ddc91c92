-- A session is a family of refresh tokens. Each token carries what its owner may want to know of
-- the session: since when, and from which program and address it was used last.
ALTER TABLE refresh_tokens
    ADD COLUMN started_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN user_agent text,
    ADD COLUMN address text;
CREATE INDEX refresh_tokens_revoked ON refresh_tokens (user_id, revoked_at) WHERE revoked_at IS NOT NULL;
-- Tokens that have ended are forgotten when their owner signs in.
GRANT DELETE ON refresh_tokens TO denticloud_app;

-- Whether a token was used tells a second use from two uses at once.
DROP FUNCTION lookup_refresh_token(bytea);
CREATE FUNCTION lookup_refresh_token(wanted bytea)
RETURNS TABLE (id uuid, user_id uuid, family uuid, is_used boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.user_id, t.family, t.used_at IS NOT NULL
    FROM refresh_tokens t WHERE t.token_hash = wanted
$$;

-- Access tokens name their session: they end with it, so the sessions that were ended while one of
-- their access tokens may still live come with the account.
DROP FUNCTION lookup_principal(uuid);
CREATE FUNCTION lookup_principal(wanted uuid)
RETURNS TABLE (
    email text, user_name text, is_super_admin boolean, is_patient boolean,
    user_locale text, is_verified boolean, ended_sessions uuid[],
    tenant_id uuid, tenant_name text, subdomain text, zone text, locale text, status text,
    role text, permissions text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.email, u.name, u.is_super_admin,
        EXISTS (SELECT FROM patients p WHERE p.user_id = u.id),
        u.locale, u.email_verified_at IS NOT NULL,
        ARRAY(SELECT DISTINCT r.family FROM refresh_tokens r
            WHERE r.user_id = u.id AND r.revoked_at > now() - interval '1 day'),
        t.id, t.name, t.subdomain, t.zone, t.locale, t.status, m.role, m.permissions
    FROM users u
    LEFT JOIN memberships m ON m.user_id = u.id AND m.status = 'active'
    LEFT JOIN tenants t ON t.id = m.tenant_id
    WHERE u.id = wanted
    ORDER BY t.name, t.id
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
