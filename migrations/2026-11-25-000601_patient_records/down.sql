REVOKE UPDATE (user_id, first_name, last_name, email, phone, date_of_birth) ON patients FROM denticloud_app;
GRANT UPDATE ON patients TO denticloud_app;
REVOKE UPDATE (status, started_on, ended_on, notes, archived_at) ON patient_dentists FROM denticloud_app;
GRANT UPDATE, DELETE ON patient_dentists TO denticloud_app;
DROP POLICY app_update ON patient_dentists;
DROP POLICY app_insert ON patient_dentists;
DROP POLICY app ON patient_dentists;
CREATE POLICY app ON patient_dentists TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
DROP INDEX patient_dentists_counted;
DROP FUNCTION patients_room(uuid);
DROP FUNCTION plan_patients_max(text);
DROP FUNCTION patient_is_new(uuid);
DROP FUNCTION patient_cards(uuid, uuid[]);
DROP FUNCTION patient_candidates(uuid, text[], text[], text[]);
DROP FUNCTION patient_duplicates(uuid, text, text, text, text, date);
DROP FUNCTION find_patients(uuid, text, text, boolean, integer, text, uuid, integer);
DROP INDEX patient_dentists_listed;
DROP INDEX patient_dentists_search;
DROP TRIGGER patients_search ON patients;
DROP TRIGGER patient_dentists_search ON patient_dentists;
DROP FUNCTION patients_search();
DROP FUNCTION patient_dentists_search();
REVOKE INSERT, UPDATE, DELETE ON patient_dentists FROM denticloud_records;
REVOKE UPDATE (user_id, email, phone, date_of_birth, merged_into) ON patients FROM denticloud_records;
REVOKE SELECT (id, name, plan, status, locale) ON tenants FROM denticloud_records;
REVOKE SELECT ON patients, patient_dentists FROM denticloud_records;
DROP POLICY records ON tenants;
DROP POLICY records ON patient_dentists;
DROP POLICY records ON patients;
DROP FUNCTION patient_sort_name(text, text);
DROP FUNCTION fold_text(text);
CREATE FUNCTION search_text(given text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(unaccent(given))
$$;
CREATE FUNCTION patient_matches(
    query text, first_name text, last_name text, email text, phone text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(bool_and(
        strpos(person, word) > 0
        OR strpos(coalesce(email, ''), word) > 0
        OR (length(digits) >= 3 AND strpos(coalesce(phone, ''), digits) > 0)
        OR (length(word) >= 4 AND word_similarity(word, person) >= 0.5)), true)
    FROM (SELECT search_text(first_name || ' ' || last_name) AS person) AS folded,
        regexp_split_to_table(search_text(query), '\s+') AS word,
        LATERAL (SELECT ltrim(regexp_replace(word, '\D', '', 'g'), '0') AS digits) AS number
    WHERE word <> ''
$$;
ALTER TABLE patient_dentists DROP COLUMN archived_at, DROP COLUMN search, DROP COLUMN sort_name;
DROP INDEX patients_merged_into;
DROP INDEX patients_born;
DROP INDEX patients_phone;
ALTER TABLE patients DROP COLUMN merged_into;
DROP EXTENSION btree_gin;
REVOKE USAGE ON SCHEMA public FROM denticloud_records;
-- The role stays: other databases of the cluster may use it.
