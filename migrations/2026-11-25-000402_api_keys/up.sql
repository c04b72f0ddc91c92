-- Keys for a practice's programs. A key belongs to the practice, not to who made it.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    secret_hash bytea NOT NULL, -- SHA-256; the secret is shown once and kept nowhere
    scopes text[] NOT NULL,
    created_by uuid REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz, -- to the minute
    revoked_at timestamptz,
    UNIQUE (tenant_id, id)
);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY app ON api_keys TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
GRANT SELECT, INSERT ON api_keys TO denticloud_app;
GRANT UPDATE (last_used_at, revoked_at) ON api_keys TO denticloud_app;

CREATE POLICY lookup ON api_keys FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT ON api_keys TO denticloud_lookup;

-- What a key may do, and where. Whether its secret is right is for the caller to compare.
CREATE FUNCTION lookup_api_key(wanted uuid)
RETURNS TABLE (
    secret_hash bytea, scopes text[], expires_at timestamptz, last_used_at timestamptz,
    tenant_id uuid, tenant_name text, subdomain text, zone text, locale text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.secret_hash, k.scopes, k.expires_at, k.last_used_at,
        t.id, t.name, t.subdomain, t.zone, t.locale, t.status
    FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
    WHERE k.id = wanted AND k.revoked_at IS NULL
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    ALTER FUNCTION lookup_api_key(uuid) OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION lookup_api_key(uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION lookup_api_key(uuid) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
