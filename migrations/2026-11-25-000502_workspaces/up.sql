-- Colours and logo of what patients see: {primaryColor, accentColor, logo}, all optional.
ALTER TABLE tenants ADD COLUMN branding jsonb NOT NULL DEFAULT '{}';

-- Public addresses that a practice had before. They still lead to it, and nobody else gets them:
-- they are printed on cards and kept in patients' bookmarks.
CREATE TABLE subdomains_past (
    subdomain text PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    left_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subdomains_past_tenant ON subdomains_past (tenant_id);
ALTER TABLE subdomains_past ENABLE ROW LEVEL SECURITY;
ALTER TABLE subdomains_past FORCE ROW LEVEL SECURITY;
CREATE POLICY app ON subdomains_past TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
GRANT SELECT, INSERT, DELETE ON subdomains_past TO denticloud_app;
CREATE POLICY lookup ON subdomains_past FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT ON subdomains_past TO denticloud_lookup;

CREATE OR REPLACE FUNCTION lookup_practice(wanted text)
RETURNS TABLE (tenant_id uuid, name text, zone text, locale text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.name, t.zone, t.locale, t.status FROM tenants t
    WHERE t.subdomain = wanted
        OR t.id = (SELECT p.tenant_id FROM subdomains_past p WHERE p.subdomain = wanted)
    ORDER BY t.subdomain = wanted DESC LIMIT 1
$$;

-- An address is one practice's, now or before.
CREATE FUNCTION keep_subdomains_past() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM subdomains_past p
        WHERE p.subdomain = NEW.subdomain AND p.tenant_id <> NEW.id) THEN
        RAISE EXCEPTION 'the subdomain was another practice''s'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'tenants_subdomain_key';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_subdomains_past BEFORE INSERT OR UPDATE OF subdomain ON tenants
    FOR EACH ROW EXECUTE FUNCTION keep_subdomains_past();

-- Who was asked to work for a practice. The token goes out by e-mail; here is its SHA-256.
CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    email text NOT NULL CHECK (email = lower(email)),
    -- A practice has one owner.
    role text NOT NULL CHECK (role IN
        ('admin', 'staff_receptionist', 'staff_billing', 'staff_assistant')),
    permissions text[] NOT NULL,
    token_hash bytea NOT NULL,
    invited_by uuid NOT NULL REFERENCES users,
    status text NOT NULL DEFAULT 'open'
        CHECK (status IN ('open', 'accepted', 'rejected', 'revoked')),
    expires_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now(), -- the last e-mail with a token
    answered_by uuid REFERENCES users,
    answered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id)
);
CREATE UNIQUE INDEX invitations_token_key ON invitations (token_hash);
CREATE UNIQUE INDEX invitations_open_key ON invitations (tenant_id, email) WHERE status = 'open';
CREATE INDEX invitations_email ON invitations (email) WHERE status = 'open';
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY app ON invitations TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
GRANT SELECT, INSERT, UPDATE ON invitations TO denticloud_app;
CREATE POLICY lookup ON invitations FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT ON invitations TO denticloud_lookup;

-- The invitation behind a token, and those to a user's own address once they have shown that it is
-- theirs.
CREATE FUNCTION lookup_invitation(wanted bytea)
RETURNS TABLE (
    id uuid, tenant_id uuid, practice text, practice_status text, email text, role text,
    permissions text[], status text, expires_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.id, i.tenant_id, t.name, t.status, i.email, i.role, i.permissions, i.status,
        i.expires_at, i.created_at
    FROM invitations i JOIN tenants t ON t.id = i.tenant_id
    WHERE i.token_hash = wanted
$$;
CREATE FUNCTION lookup_invitations_of(wanted uuid)
RETURNS TABLE (
    id uuid, tenant_id uuid, practice text, practice_status text, email text, role text,
    permissions text[], status text, expires_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.id, i.tenant_id, t.name, t.status, i.email, i.role, i.permissions, i.status,
        i.expires_at, i.created_at
    FROM users u JOIN invitations i ON i.email = u.email JOIN tenants t ON t.id = i.tenant_id
    WHERE u.id = wanted AND u.email_verified_at IS NOT NULL
        AND i.status = 'open' AND i.expires_at > now()
    ORDER BY i.id
$$;

-- A super admin sees who works where, and how large a practice is, but nobody's patients.
CREATE POLICY app_admin ON memberships FOR SELECT TO denticloud_app
    USING ((SELECT app_is_super_admin()));

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    FOREACH signature IN ARRAY ARRAY[
        'keep_subdomains_past()', 'lookup_invitation(bytea)', 'lookup_invitations_of(uuid)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    END LOOP;
    GRANT EXECUTE ON FUNCTION lookup_invitation(bytea), lookup_invitations_of(uuid)
        TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
