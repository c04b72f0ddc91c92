-- What belongs to the person and not to a practice: medical facts, and who may see them.

-- Each row is a whole state; the latest holds. Nobody of the program changes or deletes one.
CREATE TABLE patient_medical (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL, -- where its author worked
    patient_id uuid NOT NULL,
    author text NOT NULL, -- as in the audit log: `user:<id>`, …
    author_id uuid REFERENCES users,
    history text NOT NULL DEFAULT '',
    allergies text[] NOT NULL DEFAULT '{}',
    medications text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES patient_dentists (tenant_id, patient_id)
);
CREATE INDEX patient_medical_patient ON patient_medical (patient_id, id);
ALTER TABLE patient_medical ENABLE ROW LEVEL SECURITY;
ALTER TABLE patient_medical FORCE ROW LEVEL SECURITY;
CREATE POLICY app_related ON patient_medical FOR SELECT TO denticloud_app
    USING (EXISTS (SELECT FROM patient_dentists r WHERE r.patient_id = patient_medical.patient_id
        AND r.status = 'active' AND r.tenant_id = ANY ((SELECT app_tenants())::uuid[])));
CREATE POLICY app_self ON patient_medical FOR SELECT TO denticloud_app
    USING (EXISTS (SELECT FROM patients p WHERE p.id = patient_medical.patient_id
        AND p.user_id = (SELECT app_user())));
CREATE POLICY app_append ON patient_medical FOR INSERT TO denticloud_app
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[])
        AND EXISTS (SELECT FROM patient_dentists r WHERE r.patient_id = patient_medical.patient_id
            AND r.tenant_id = patient_medical.tenant_id AND r.status = 'active'));
CREATE POLICY records ON patient_medical TO denticloud_records USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON patient_medical TO denticloud_app;
GRANT SELECT, INSERT, UPDATE (patient_id) ON patient_medical TO denticloud_records;

-- A practice asks a person, by mail, whether it may see their record. No practice may read these:
-- that there is one would tell that there is a record.
CREATE TABLE patient_link_requests (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    patient_id uuid NOT NULL REFERENCES patients,
    token_hash bytea NOT NULL UNIQUE, -- SHA-256 of the mailed token
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'accepted', 'declined')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX patient_link_requests_patient ON patient_link_requests (patient_id);
ALTER TABLE patient_link_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE patient_link_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY records ON patient_link_requests TO denticloud_records USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (status, patient_id) ON patient_link_requests TO denticloud_records;

CREATE POLICY records ON series TO denticloud_records USING (true) WITH CHECK (true);
CREATE POLICY records ON holds TO denticloud_records USING (true) WITH CHECK (true);
CREATE POLICY records ON waitlist_entries TO denticloud_records USING (true) WITH CHECK (true);
CREATE POLICY records ON patient_invitations FOR SELECT TO denticloud_records USING (true);
CREATE POLICY records_delete ON patient_invitations FOR DELETE TO denticloud_records USING (true);
GRANT SELECT (patient_id), DELETE ON patient_invitations TO denticloud_records;
CREATE POLICY records ON audit_log FOR INSERT TO denticloud_records WITH CHECK (true);
GRANT SELECT (patient_id, version), UPDATE (patient_id, version) ON series TO denticloud_records;
GRANT SELECT (patient_id), UPDATE (patient_id) ON holds, waitlist_entries TO denticloud_records;
GRANT INSERT ON audit_log TO denticloud_records;
GRANT SELECT (zone) ON tenants TO denticloud_records;

CREATE FUNCTION practice_today(wanted_tenant uuid) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (now() AT TIME ZONE zone)::date FROM tenants WHERE id = wanted_tenant
$$;

-- Begins the practice's relation to a record, or opens it again. For the functions below only.
CREATE FUNCTION relate_patient(wanted_tenant uuid, wanted uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO patient_dentists AS r (tenant_id, patient_id, started_on)
        VALUES (wanted_tenant, wanted, practice_today(wanted_tenant))
    ON CONFLICT (tenant_id, patient_id)
        DO UPDATE SET status = 'active', ended_on = NULL, archived_at = NULL
$$;

-- Takes on the record of whoever has that birth date and that address or number: all that is given
-- must be right, and of one record only. NULL tells nothing more.
CREATE FUNCTION link_patient(wanted_tenant uuid, given_email text, given_phone text, born date)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found uuid[];
BEGIN
    IF NOT wanted_tenant = ANY (app_tenants()) OR born IS NULL
        OR num_nonnulls(given_email, given_phone) = 0 THEN
        RETURN NULL;
    END IF;
    found := ARRAY(SELECT p.id FROM patients p WHERE p.date_of_birth = born
        AND (given_email IS NULL OR p.email = given_email)
        AND (given_phone IS NULL OR p.phone = given_phone)
        AND p.merged_into IS NULL LIMIT 2);
    IF cardinality(found) <> 1 THEN
        RETURN NULL;
    END IF;
    PERFORM relate_patient(wanted_tenant, found[1]);
    RETURN found[1];
END
$$;

-- The same for many at once, each by its address, or else by its number. Answers which of them
-- were found, by their place.
CREATE FUNCTION link_patients(wanted_tenant uuid, emails text[], phones text[], births date[])
RETURNS TABLE (place bigint, patient_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT wanted_tenant = ANY (app_tenants()) THEN
        RETURN;
    END IF;
    FOR place, patient_id IN
        WITH given AS (
            SELECT * FROM unnest(emails, phones, births) WITH ORDINALITY AS g (email, phone, born, place)),
        found AS (
            SELECT g.place, p.id FROM given g
                JOIN patients p ON p.email = g.email AND p.date_of_birth = g.born
                WHERE p.merged_into IS NULL
            UNION ALL SELECT g.place, p.id FROM given g
                JOIN patients p ON p.phone = g.phone AND p.date_of_birth = g.born
                WHERE g.email IS NULL AND p.merged_into IS NULL)
        SELECT f.place, min(f.id::text)::uuid FROM found f GROUP BY f.place HAVING count(*) = 1
    LOOP
        PERFORM relate_patient(wanted_tenant, patient_id);
        RETURN NEXT;
    END LOOP;
END
$$;

-- Asks the people behind an address; answers, for the mails, which of the tokens went to whom. None
-- for a record that the practice has, or has just asked about.
CREATE FUNCTION request_patient_links(
    wanted_tenant uuid, given_email text, ids uuid[], tokens bytea[], until timestamptz)
RETURNS TABLE (token_hash bytea, first_name text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT wanted_tenant = ANY (app_tenants()) THEN
        RETURN;
    END IF;
    RETURN QUERY WITH asked AS (
        SELECT p.id, p.first_name, row_number() OVER (ORDER BY p.id) AS place FROM patients p
        WHERE p.email = given_email AND p.merged_into IS NULL
            AND NOT EXISTS (SELECT FROM patient_dentists r WHERE r.patient_id = p.id
                AND r.tenant_id = wanted_tenant AND r.status = 'active')
            AND NOT EXISTS (SELECT FROM patient_link_requests q WHERE q.patient_id = p.id
                AND q.tenant_id = wanted_tenant AND q.status = 'open' AND q.expires_at > now())
        ORDER BY p.id LIMIT cardinality(tokens)),
    sent AS (
        INSERT INTO patient_link_requests (id, tenant_id, patient_id, token_hash, expires_at)
        SELECT ids[place], wanted_tenant, id, tokens[place], until FROM asked
        RETURNING token_hash, patient_id)
    SELECT s.token_hash, a.first_name FROM sent s JOIN asked a ON a.id = s.patient_id;
END
$$;

-- What is asked, for whoever has the mailed token.
CREATE FUNCTION patient_link_request(token bytea)
RETURNS TABLE (practice text, first_name text, status text, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.name, p.first_name,
        CASE WHEN q.status = 'open' AND (q.expires_at <= now() OR t.status <> 'active')
            THEN 'expired' ELSE q.status END, q.expires_at
    FROM patient_link_requests q JOIN tenants t ON t.id = q.tenant_id
    JOIN patients p ON p.id = q.patient_id WHERE q.token_hash = token
$$;

-- What the transaction's user is asked.
CREATE FUNCTION my_patient_link_requests()
RETURNS TABLE (id uuid, practice text, first_name text, created_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT q.id, t.name, p.first_name, q.created_at, q.expires_at
    FROM patients p JOIN patient_link_requests q ON q.patient_id = p.id
    JOIN tenants t ON t.id = q.tenant_id
    WHERE p.user_id = app_user() AND q.status = 'open' AND q.expires_at > now() AND t.status = 'active'
    ORDER BY q.created_at, q.id
$$;

-- The person's answer, by the mailed token or as the record's account. NULL: there is no such
-- request for them; `expired`, `full` (the practice's plan allows no more) and an answer given
-- before change nothing.
CREATE FUNCTION answer_patient_link(token bytea, request uuid, accepts boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    asked record;
BEGIN
    SELECT q.id, q.tenant_id, q.patient_id, q.status,
        q.expires_at <= now() OR t.status <> 'active' AS late INTO asked
    FROM patient_link_requests q JOIN tenants t ON t.id = q.tenant_id
    WHERE q.token_hash = token OR (q.id = request AND EXISTS (
        SELECT FROM patients p WHERE p.id = q.patient_id AND p.user_id = app_user()))
    FOR UPDATE OF q;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF asked.status <> 'open' THEN
        RETURN asked.status;
    ELSIF asked.late THEN
        RETURN 'expired';
    ELSIF NOT accepts THEN
        UPDATE patient_link_requests SET status = 'declined' WHERE id = asked.id;
        RETURN 'declined';
    ELSIF patients_room(asked.tenant_id) <= 0 THEN
        RETURN 'full';
    END IF;
    UPDATE patient_link_requests SET status = 'accepted' WHERE id = asked.id;
    PERFORM relate_patient(asked.tenant_id, asked.patient_id);
    INSERT INTO audit_log (tenant_id, actor, action, subject, subject_id)
        VALUES (asked.tenant_id, coalesce('user:' || app_user(), 'patient'), 'patient.linked', 'patient',
            asked.patient_id);
    RETURN 'accepted';
END
$$;

-- Gives a patient over: the other practice's relation begins and, unless `stays`, one's own ends,
-- together. Answers `done`, or what is in the way: `no_patient`, `no_practice`, `full`.
CREATE FUNCTION transfer_patient(from_tenant uuid, to_tenant uuid, wanted uuid, stays boolean)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT from_tenant = ANY (app_tenants()) THEN
        RETURN 'no_patient';
    END IF;
    -- Both relations, in one order for everybody.
    PERFORM FROM patient_dentists r WHERE r.patient_id = wanted
        AND r.tenant_id IN (from_tenant, to_tenant) ORDER BY r.tenant_id FOR UPDATE;
    IF NOT EXISTS (SELECT FROM patient_dentists r WHERE r.tenant_id = from_tenant
        AND r.patient_id = wanted AND r.status = 'active') THEN
        RETURN 'no_patient';
    ELSIF from_tenant = to_tenant OR NOT EXISTS (
        SELECT FROM tenants t WHERE t.id = to_tenant AND t.status = 'active') THEN
        RETURN 'no_practice';
    ELSIF NOT EXISTS (SELECT FROM patient_dentists r WHERE r.tenant_id = to_tenant
        AND r.patient_id = wanted AND r.status = 'active') AND patients_room(to_tenant) <= 0 THEN
        RETURN 'full';
    END IF;
    PERFORM relate_patient(to_tenant, wanted);
    IF NOT stays THEN
        UPDATE patient_dentists SET status = 'ended', ended_on = practice_today(from_tenant)
            WHERE tenant_id = from_tenant AND patient_id = wanted;
    END IF;
    -- For their log; one's own is the caller's to write.
    INSERT INTO audit_log (tenant_id, actor, action, subject, subject_id)
        VALUES (to_tenant, 'tenant:' || from_tenant, 'patient.received', 'patient', wanted);
    RETURN 'done';
END
$$;

-- Why the practice may not merge two records: `not_found`, `shared_record` (the one to be removed is
-- another practice's too), `account` (its account would get to see what the other record shows of
-- other practices, or both have one). NULL: it may.
CREATE FUNCTION merge_obstacle(wanted_tenant uuid, kept uuid, removed uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM patients p JOIN patient_dentists r ON r.patient_id = p.merged_into
            WHERE p.id = removed AND p.merged_into = kept AND r.tenant_id = wanted_tenant
                AND r.status = 'active') THEN 'merged'
        WHEN kept = removed OR 2 > (SELECT count(*) FROM patient_dentists r WHERE r.status = 'active'
            AND r.tenant_id = wanted_tenant AND r.patient_id IN (kept, removed)) THEN 'not_found'
        WHEN EXISTS (SELECT FROM patient_dentists r
            WHERE r.patient_id = removed AND r.tenant_id <> wanted_tenant) THEN 'shared_record'
        WHEN EXISTS (SELECT FROM patients p WHERE p.id = removed AND p.user_id IS NOT NULL)
            AND (EXISTS (SELECT FROM patients p WHERE p.id = kept AND p.user_id IS NOT NULL)
                OR EXISTS (SELECT FROM patient_dentists r
                    WHERE r.patient_id = kept AND r.tenant_id <> wanted_tenant)) THEN 'account'
        END
$$;
CREATE FUNCTION patient_merge_obstacle(wanted_tenant uuid, kept uuid, removed uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN wanted_tenant = ANY (app_tenants())
        THEN merge_obstacle(wanted_tenant, kept, removed) ELSE 'not_found' END
$$;

-- The records' part of a merge. Called in the engine's commit, which has moved the appointments and
-- their claims already.
CREATE FUNCTION merge_patients(
    wanted_tenant uuid, kept uuid, removed uuid, merging uuid, merger text, merger_id uuid)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    old patients;
BEGIN
    PERFORM FROM patients WHERE id IN (kept, removed) ORDER BY id FOR UPDATE;
    IF merge_obstacle(wanted_tenant, kept, removed) IS NOT NULL THEN
        RAISE EXCEPTION 'these records cannot be merged any more' USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT * INTO old FROM patients WHERE id = removed;
    UPDATE series SET patient_id = kept, version = version + 1 WHERE patient_id = removed;
    UPDATE holds SET patient_id = kept WHERE patient_id = removed;
    UPDATE waitlist_entries SET patient_id = kept WHERE patient_id = removed;
    UPDATE patient_link_requests SET patient_id = kept WHERE patient_id = removed;
    -- An invitation was mailed for a record that is no more: the practice sends another.
    DELETE FROM patient_invitations WHERE patient_id = removed;
    -- Facts of both are the person's: what the later state of one lacks would be missed.
    INSERT INTO patient_medical (tenant_id, patient_id, author, author_id, history, allergies, medications)
        SELECT wanted_tenant, removed, merger, merger_id,
            concat_ws(E'\n\n', nullif(k.history, ''), nullif(r.history, '')),
            ARRAY(SELECT a FROM unnest(k.allergies || r.allergies) WITH ORDINALITY u (a, n)
                GROUP BY a ORDER BY min(n)),
            ARRAY(SELECT a FROM unnest(k.medications || r.medications) WITH ORDINALITY u (a, n)
                GROUP BY a ORDER BY min(n))
        FROM (SELECT * FROM patient_medical WHERE patient_id = kept ORDER BY id DESC LIMIT 1) AS k,
            (SELECT * FROM patient_medical WHERE patient_id = removed ORDER BY id DESC LIMIT 1) AS r;
    UPDATE patient_medical SET patient_id = kept WHERE patient_id = removed;
    UPDATE patient_dentists k SET started_on = least(k.started_on, r.started_on),
            notes = nullif(concat_ws(E'\n', k.notes, r.notes), '')
        FROM patient_dentists r WHERE r.tenant_id = wanted_tenant AND r.patient_id = removed
            AND k.tenant_id = wanted_tenant AND k.patient_id = kept;
    DELETE FROM patient_dentists WHERE tenant_id = wanted_tenant AND patient_id = removed;
    UPDATE patients SET merged_into = kept, user_id = NULL, email = NULL, phone = NULL, date_of_birth = NULL
        WHERE id = removed;
    UPDATE patients SET user_id = coalesce(user_id, old.user_id), email = coalesce(email, old.email),
            phone = coalesce(phone, old.phone), date_of_birth = coalesce(date_of_birth, old.date_of_birth)
        WHERE id = kept;
    INSERT INTO audit_log (tenant_id, actor, action, subject, subject_id, tx, before, after)
        VALUES (wanted_tenant, merger, 'patient.removed', 'patient', removed, merging,
            jsonb_build_object('firstName', old.first_name, 'lastName', old.last_name,
                'email', old.email, 'phone', old.phone, 'dateOfBirth', old.date_of_birth),
            jsonb_build_object('mergedInto', kept));
END
$$;

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_records;
    FOREACH signature IN ARRAY ARRAY[
        'practice_today(uuid)', 'relate_patient(uuid, uuid)', 'link_patient(uuid, text, text, date)',
        'link_patients(uuid, text[], text[], date[])',
        'request_patient_links(uuid, text, uuid[], bytea[], timestamptz)',
        'patient_link_request(bytea)', 'my_patient_link_requests()',
        'answer_patient_link(bytea, uuid, boolean)', 'transfer_patient(uuid, uuid, uuid, boolean)',
        'merge_obstacle(uuid, uuid, uuid)', 'patient_merge_obstacle(uuid, uuid, uuid)',
        'merge_patients(uuid, uuid, uuid, uuid, text, uuid)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_records';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
    END LOOP;
    GRANT EXECUTE ON FUNCTION link_patient(uuid, text, text, date),
        link_patients(uuid, text[], text[], date[]),
        request_patient_links(uuid, text, uuid[], bytea[], timestamptz), patient_link_request(bytea),
        my_patient_link_requests(), answer_patient_link(bytea, uuid, boolean),
        transfer_patient(uuid, uuid, uuid, boolean), patient_merge_obstacle(uuid, uuid, uuid)
        TO denticloud_app;
    GRANT EXECUTE ON FUNCTION merge_patients(uuid, uuid, uuid, uuid, text, uuid) TO denticloud_engine;
    REVOKE CREATE ON SCHEMA public FROM denticloud_records;
END
$$;
