-- Three roles, none of them the owner, none with BYPASSRLS. The server logs in with the address it
-- is given and takes one of them on each connection, so a request never runs with the owner's
-- rights.
--   denticloud_app     serves requests; sees what the transaction's settings name
--   denticloud_engine  loader, writer, poller, audit; scheduling tables only, no patient data
--   denticloud_lookup  owns the few functions that must look before the tenant is known
-- Roles belong to the cluster, not to the database: another database may have made them already.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['denticloud_app', 'denticloud_engine', 'denticloud_lookup'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO current_user', role_name);
        END IF;
    END LOOP;
END
$$;

CREATE EXTENSION IF NOT EXISTS btree_gist;

GRANT USAGE ON SCHEMA public TO denticloud_app, denticloud_engine, denticloud_lookup;

-- What the transaction may see. A local setting that has ended reads as '', not NULL.
CREATE FUNCTION app_tenants() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(string_to_array(nullif(current_setting('app.tenants', true), ''), ',')::uuid[], '{}')
$$;
CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.user', true), '')::uuid
$$;
CREATE FUNCTION app_is_super_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('app.super_admin', true), '')::boolean, false)
$$;

-- Which database this is: a restored copy has another system identifier or timeline, and then
-- positions handed out before mean nothing, so the epoch changes.
CREATE TABLE database_epoch (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    system_identifier text NOT NULL,
    timeline integer NOT NULL,
    epoch uuid NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON database_epoch TO denticloud_engine;

-- A whole number of minutes.
CREATE FUNCTION is_whole_minute(at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mod(extract(epoch FROM at), 60) = 0
$$;
