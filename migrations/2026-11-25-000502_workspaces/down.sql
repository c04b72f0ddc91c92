DROP POLICY app_admin ON memberships;
DROP FUNCTION lookup_invitations_of(uuid);
DROP FUNCTION lookup_invitation(bytea);
DROP TABLE invitations;
DROP TRIGGER keep_subdomains_past ON tenants;
DROP FUNCTION keep_subdomains_past();
CREATE OR REPLACE FUNCTION lookup_practice(wanted text)
RETURNS TABLE (tenant_id uuid, name text, zone text, locale text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.name, t.zone, t.locale, t.status FROM tenants t WHERE t.subdomain = wanted
$$;
DROP TABLE subdomains_past;
ALTER TABLE tenants DROP COLUMN branding;
