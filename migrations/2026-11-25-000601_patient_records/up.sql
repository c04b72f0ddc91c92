-- A practice's patients: found fast, told apart, linked, moved and merged.

-- Owns the functions that reach across practices for one person's record. Each answers one question
-- or makes one change for a practice that the transaction acts for; none lets anybody browse.
DO $$
BEGIN
    BEGIN
        CREATE ROLE denticloud_records NOLOGIN NOINHERIT NOBYPASSRLS;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    IF NOT pg_has_role(current_user, 'denticloud_records', 'MEMBER') THEN
        GRANT denticloud_records TO current_user;
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO denticloud_records;

CREATE EXTENSION IF NOT EXISTS btree_gin;

ALTER TABLE patients
    -- The record that this one turned out to be; it has no relation any more, so nobody sees it.
    ADD COLUMN merged_into uuid REFERENCES patients,
    ADD CHECK (merged_into <> id);
CREATE INDEX patients_phone ON patients (phone);
CREATE INDEX patients_born ON patients (date_of_birth);
CREATE INDEX patients_merged_into ON patients (merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE patient_dentists
    -- Kept, but out of the practice's lists.
    ADD COLUMN archived_at timestamptz,
    -- What a search looks through, and what lists are ordered by: of the patient's record, beside
    -- the practice, so that one index serves both. Kept by triggers.
    ADD COLUMN search text NOT NULL DEFAULT '',
    ADD COLUMN sort_name text COLLATE "C" NOT NULL DEFAULT '';

DROP FUNCTION patient_matches(text, text, text, text, text);
DROP FUNCTION search_text(text);

-- Without accents and capitals. The dictionary is named, so the result depends on nothing else.
CREATE FUNCTION fold_text(given text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(public.unaccent('public.unaccent'::regdictionary, given))
$$;
-- Last name first; what separates the two is before every letter.
CREATE FUNCTION patient_sort_name(first_name text, last_name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT fold_text(last_name || chr(1) || first_name)
$$;

CREATE POLICY records ON patients TO denticloud_records USING (true) WITH CHECK (true);
CREATE POLICY records ON patient_dentists TO denticloud_records USING (true) WITH CHECK (true);
CREATE POLICY records ON tenants FOR SELECT TO denticloud_records USING (true);
GRANT SELECT ON patients, patient_dentists TO denticloud_records;
GRANT SELECT (id, name, plan, status, locale) ON tenants TO denticloud_records;
GRANT UPDATE (user_id, email, phone, date_of_birth, merged_into) ON patients TO denticloud_records;
GRANT INSERT, UPDATE, DELETE ON patient_dentists TO denticloud_records;

CREATE FUNCTION patient_dentists_search() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- Every word of it begins after a space. As fold_text and patient_sort_name have it, without
    -- calling them: an import adds thousands of rows.
    SELECT lower(unaccent('unaccent', ' ' || p.first_name || ' ' || p.last_name))
            || coalesce(' ' || p.email, '') || coalesce(' ' || p.phone, ''),
        lower(unaccent('unaccent', p.last_name || chr(1) || p.first_name))
    INTO NEW.search, NEW.sort_name
    FROM patients p WHERE p.id = NEW.patient_id;
    RETURN NEW;
END
$$;
CREATE FUNCTION patients_search() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE patient_dentists SET search = '' WHERE patient_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER patient_dentists_search
    BEFORE INSERT OR UPDATE OF patient_id, search, sort_name ON patient_dentists
    FOR EACH ROW EXECUTE FUNCTION patient_dentists_search();
CREATE TRIGGER patients_search
    AFTER UPDATE OF first_name, last_name, email, phone ON patients
    FOR EACH ROW EXECUTE FUNCTION patients_search();
UPDATE patient_dentists SET search = '';

-- The practice comes first in both: what others have is never looked through.
CREATE INDEX patient_dentists_search ON patient_dentists USING gin (tenant_id, search gin_trgm_ops);
CREATE INDEX patient_dentists_listed ON patient_dentists (tenant_id, sort_name, patient_id);

-- A practice's patients by a query: every word in the name, the e-mail address or the phone number
-- (`nearest`: or nearly so). Runs as a role whose policy is plain `true`: under the app's policies
-- LIKE may not choose an index, for it is not leakproof. State: active, archived, ended, all.
CREATE FUNCTION find_patients(
    wanted_tenant uuid, query text, state text, nearest boolean,
    after_rank integer, after_name text, after_id uuid, wanted integer)
RETURNS TABLE (patient_id uuid, rank integer, sort_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 AS $$
#variable_conflict use_column
DECLARE
    ours CONSTANT text := format('r.tenant_id = %L', wanted_tenant) || CASE state
        WHEN 'active' THEN ' AND r.status = ''active'' AND r.archived_at IS NULL'
        WHEN 'archived' THEN ' AND r.status = ''active'' AND r.archived_at IS NOT NULL'
        WHEN 'ended' THEN ' AND r.status = ''ended'''
        ELSE '' END;
    folded CONSTANT text := fold_text(query);
    words text[];
    word text;
    digits text;
    wanted_words text := '';
    begins text := 'true';
    nearness text := '0';
BEGIN
    IF NOT wanted_tenant = ANY (app_tenants()) THEN
        RETURN;
    END IF;
    digits := ltrim(regexp_replace(folded, '\D', '', 'g'), '0');
    IF folded !~ '[[:alpha:]@]' AND length(digits) >= 3 THEN
        -- 099 123 4567 and +593 99 123 4567 are one number: the leading zero is the country's own.
        words := ARRAY[digits];
    ELSE
        words := ARRAY(SELECT w FROM regexp_split_to_table(folded, '\s+') w WHERE w <> '' LIMIT 8);
    END IF;
    IF cardinality(words) = 0 THEN
        RETURN QUERY EXECUTE format(
            'SELECT r.patient_id, 0, r.sort_name FROM patient_dentists r WHERE %s%s
             ORDER BY r.sort_name, r.patient_id LIMIT %s', ours,
            CASE WHEN after_id IS NULL THEN '' ELSE format(
                ' AND (r.sort_name, r.patient_id) > (%L, %L)', after_name, after_id) END,
            wanted);
        RETURN;
    END IF;
    FOREACH word IN ARRAY words LOOP
        digits := ltrim(regexp_replace(word, '\D', '', 'g'), '0');
        IF word !~ '[[:alpha:]@]' AND length(digits) >= 3 THEN
            word := digits;
        END IF;
        DECLARE
            literal CONSTANT text := regexp_replace(word, '([\\%_])', '\\\1', 'g');
            start CONSTANT text := format('r.search LIKE %L', '% ' || literal || '%');
            -- Two letters are in everybody's name: they must begin a word.
            inside CONSTANT text := CASE WHEN length(word) < 3 THEN start
                ELSE format('r.search LIKE %L', '%' || literal || '%') END;
        BEGIN
            begins := begins || ' AND ' || start;
            IF nearest AND length(word) >= 4 THEN
                wanted_words := wanted_words
                    || format(' AND (%s OR %L <%% r.search)', inside, word);
            ELSE
                wanted_words := wanted_words || ' AND ' || inside;
            END IF;
            nearness := nearness || format(' + word_similarity(%L, r.search)', word);
        END;
    END LOOP;
    RETURN QUERY EXECUTE format(
        'SELECT * FROM (SELECT r.patient_id, %s AS rank, r.sort_name
             FROM patient_dentists r WHERE %s%s) AS found %s
         ORDER BY rank, sort_name, patient_id LIMIT %s',
        CASE WHEN nearest
            THEN format('2 + (100 * (1 - (%s) / %s))::integer', nearness, cardinality(words))
            ELSE format('CASE WHEN %s THEN 0 ELSE 1 END', begins) END,
        ours, wanted_words,
        CASE WHEN after_id IS NULL THEN '' ELSE format(
            'WHERE (rank, sort_name, patient_id) > (%s, %L, %L)',
            after_rank, after_name, after_id) END,
        wanted);
END
$$;

-- Records of the practice that may be the same person: of that address or number, or of nearly that
-- name and the same birth date.
CREATE FUNCTION patient_duplicates(
    wanted_tenant uuid, given_first text, given_last text, given_email text, given_phone text, born date)
RETURNS TABLE (patient_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id FROM (
        SELECT id FROM patients WHERE email = given_email
        UNION SELECT id FROM patients WHERE phone = given_phone
        UNION SELECT id FROM patients WHERE date_of_birth = born
            AND similarity(fold_text(first_name || ' ' || last_name),
                fold_text(given_first || ' ' || given_last)) >= 0.5) AS p
    JOIN patient_dentists r ON r.patient_id = p.id
    WHERE r.tenant_id = wanted_tenant AND r.status = 'active' AND wanted_tenant = ANY (app_tenants())
$$;

-- The same for many at once: records of the practice with one of these addresses, numbers or names
-- (as `patient_sort_name` spells them).
CREATE FUNCTION patient_candidates(wanted_tenant uuid, emails text[], phones text[], names text[])
RETURNS TABLE (patient_id uuid, sort_name text, email text, phone text, date_of_birth date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.patient_id, r.sort_name, p.email, p.phone, p.date_of_birth
    FROM (SELECT id FROM patients WHERE email = ANY (emails)
        UNION SELECT id FROM patients WHERE phone = ANY (phones)
        UNION SELECT n.patient_id FROM patient_dentists n
            WHERE n.tenant_id = wanted_tenant AND n.sort_name = ANY (names)) AS found
    JOIN patients p ON p.id = found.id
    JOIN patient_dentists r ON r.patient_id = p.id
    WHERE r.tenant_id = wanted_tenant AND r.status = 'active' AND wanted_tenant = ANY (app_tenants())
$$;

-- What calendars show of a practice's patients, also of those who have left: their visits stay.
CREATE FUNCTION patient_cards(wanted_tenant uuid, wanted uuid[])
RETURNS TABLE (
    patient_id uuid, first_name text, last_name text, calendar_id uuid, active boolean, archived boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.first_name, p.last_name, p.calendar_id, r.status = 'active', r.archived_at IS NOT NULL
    FROM patient_dentists r JOIN patients p ON p.id = r.patient_id
    WHERE r.tenant_id = wanted_tenant AND r.patient_id = ANY (wanted)
        AND wanted_tenant = ANY (app_tenants())
$$;

-- Whether a record belongs to no practice yet: only such a one may be taken on without more.
CREATE FUNCTION patient_is_new(wanted uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT NOT EXISTS (SELECT FROM patient_dentists WHERE patient_id = wanted)
$$;

-- How many patients a plan allows; NULL: as many as there are. A trial is a whole product.
CREATE FUNCTION plan_patients_max(plan text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE plan WHEN 'basic' THEN 5000 WHEN 'enterprise' THEN NULL ELSE 100000 END
$$;

-- How many more patients the practice may have; NULL: no limit. The archived and those who have
-- left do not count. Takes turns with others who ask for the same practice, until the transaction
-- ends: two who add the last one at the same time cannot both.
CREATE FUNCTION patients_room(wanted_tenant uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    allowed integer;
BEGIN
    SELECT plan_patients_max(t.plan) INTO allowed FROM tenants t WHERE t.id = wanted_tenant;
    IF allowed IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('patients ' || wanted_tenant, 0));
    RETURN allowed - (SELECT count(*) FROM (SELECT FROM patient_dentists r
        WHERE r.tenant_id = wanted_tenant AND r.status = 'active' AND r.archived_at IS NULL
        LIMIT allowed) AS counted);
END
$$;
CREATE INDEX patient_dentists_counted ON patient_dentists (tenant_id)
    WHERE status = 'active' AND archived_at IS NULL;

-- A practice adds a relation to a record that it has just made, and changes its own; it cannot take
-- on, or turn its relation into one to, a record that is somebody's.
DROP POLICY app ON patient_dentists;
CREATE POLICY app ON patient_dentists FOR SELECT TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
CREATE POLICY app_insert ON patient_dentists FOR INSERT TO denticloud_app
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]) AND patient_is_new(patient_id));
CREATE POLICY app_update ON patient_dentists FOR UPDATE TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
REVOKE UPDATE, DELETE ON patient_dentists FROM denticloud_app;
GRANT UPDATE (status, started_on, ended_on, notes, archived_at) ON patient_dentists TO denticloud_app;
REVOKE UPDATE ON patients FROM denticloud_app;
GRANT UPDATE (user_id, first_name, last_name, email, phone, date_of_birth) ON patients TO denticloud_app;

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_records;
    FOREACH signature IN ARRAY ARRAY[
        'patient_dentists_search()', 'patients_search()', 'patient_is_new(uuid)', 'patients_room(uuid)',
        'find_patients(uuid, text, text, boolean, integer, text, uuid, integer)',
        'patient_duplicates(uuid, text, text, text, text, date)',
        'patient_candidates(uuid, text[], text[], text[])', 'patient_cards(uuid, uuid[])'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_records';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO denticloud_app';
    END LOOP;
    REVOKE EXECUTE ON FUNCTION patient_dentists_search(), patients_search() FROM denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_records;
END
$$;
