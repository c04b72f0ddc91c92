-- A patient's own side: their records over all practices, and how an account comes to a record.

-- A secret that a practice mails to the address in a patient's record. Used once.
CREATE TABLE patient_invitations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    patient_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE, -- SHA-256
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES patient_dentists (tenant_id, patient_id)
);
CREATE INDEX patient_invitations_patient ON patient_invitations (tenant_id, patient_id);
ALTER TABLE patient_invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE patient_invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY app ON patient_invitations TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
GRANT SELECT, INSERT, DELETE ON patient_invitations TO denticloud_app;

-- A person changes their own records.
CREATE POLICY app_self_change ON patients FOR UPDATE TO denticloud_app
    USING (user_id = (SELECT app_user())) WITH CHECK (user_id = (SELECT app_user()));

-- The functions below answer for the transaction's user and nobody else, so patients need no
-- policy on the practices' tables.
CREATE POLICY lookup ON patient_dentists FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON appointments FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON providers FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON treatments FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON clinics FOR SELECT TO denticloud_lookup USING (true);
CREATE POLICY lookup ON patient_invitations TO denticloud_lookup USING (true) WITH CHECK (true);
-- A record without an account may become that of the transaction's user, and nothing else.
CREATE POLICY lookup_link ON patients FOR UPDATE TO denticloud_lookup
    USING (user_id IS NULL) WITH CHECK (user_id = (SELECT app_user()));
GRANT SELECT ON patient_dentists, appointments, providers, treatments, clinics TO denticloud_lookup;
GRANT SELECT, UPDATE (used_at) ON patient_invitations TO denticloud_lookup;
GRANT SELECT (id, email, date_of_birth), UPDATE (user_id) ON patients TO denticloud_lookup;

-- The practices that have or had a relation with the user, each with its own.
CREATE FUNCTION my_dentists()
RETURNS TABLE (
    tenant_id uuid, name text, subdomain text, zone text, suspended boolean, patient_id uuid,
    status text, started_on date, ended_on date, dentists jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.name, t.subdomain, t.zone, t.status <> 'active', p.id,
        r.status, r.started_on, r.ended_on,
        coalesce((SELECT jsonb_agg(jsonb_build_object('id', d.id, 'name', d.name) ORDER BY d.name, d.id)
            FROM providers d WHERE d.tenant_id = t.id AND d.active AND d.role = 'dentist'), '[]')
    FROM patients p
    JOIN patient_dentists r ON r.patient_id = p.id
    JOIN tenants t ON t.id = r.tenant_id
    WHERE p.user_id = app_user()
$$;

-- The user's visits to all of them; what the practice notes for itself is not among it.
CREATE FUNCTION my_appointments()
RETURNS TABLE (
    id uuid, tenant_id uuid, practice_name text, subdomain text, zone text, policy jsonb,
    version bigint, status text, start_at timestamptz, end_at timestamptz, patient_id uuid,
    provider_id uuid, provider_name text, operatory_id uuid, operatory_name text,
    clinic_name text, clinic_address text, treatment_id uuid, name_es text, name_en text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.id, t.id, t.name, t.subdomain, t.zone, t.policy,
        a.version, a.status, a.start_at, a.end_at, a.patient_id,
        d.id, d.name, o.id, o.name, c.name, c.address, k.id, k.name_es, k.name_en
    FROM patients p
    JOIN appointments a ON a.patient_id = p.id
    JOIN tenants t ON t.id = a.tenant_id
    JOIN providers d ON d.id = a.provider_id
    JOIN treatments k ON k.id = a.treatment_id
    JOIN operatories o ON o.id = a.operatory_id
    JOIN clinics c ON c.id = o.clinic_id
    WHERE p.user_id = app_user()
$$;

-- Gives the user the records that have their address, once they have shown that it is theirs, and
-- the birth date that they have told: families share addresses.
CREATE FUNCTION link_my_records() RETURNS TABLE (patient_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE patients p SET user_id = app_user()
    FROM users u
    WHERE u.id = app_user() AND u.email_verified_at IS NOT NULL
        AND p.user_id IS NULL AND p.email = u.email
        AND p.date_of_birth IN (
            SELECT own.date_of_birth FROM patients own WHERE own.user_id = u.id)
    RETURNING p.id
$$;

-- Gives the user the record that a practice's mailed secret is for; no row where it does not count.
CREATE FUNCTION claim_patient_invitation(wanted bytea) RETURNS TABLE (patient_id uuid, tenant_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH used AS (
        UPDATE patient_invitations l SET used_at = now()
        WHERE l.token_hash = wanted AND l.used_at IS NULL AND l.expires_at > now()
            AND app_user() IS NOT NULL
            AND EXISTS (SELECT FROM patients p WHERE p.id = l.patient_id AND p.user_id IS NULL)
        RETURNING l.patient_id, l.tenant_id)
    UPDATE patients p SET user_id = app_user()
    FROM used WHERE p.id = used.patient_id AND p.user_id IS NULL
    RETURNING used.patient_id, used.tenant_id
$$;

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    FOREACH signature IN ARRAY ARRAY[
        'my_dentists()', 'my_appointments()', 'link_my_records()', 'claim_patient_invitation(bytea)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO denticloud_app';
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
