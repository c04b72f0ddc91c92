-- Who a token stands for, and what they may do where, in one statement per request: their account
-- with one row per practice that they work for, or a single row without a practice.
CREATE POLICY lookup ON patients FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT (user_id) ON patients TO denticloud_lookup;

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

DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    ALTER FUNCTION lookup_principal(uuid) OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION lookup_principal(uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION lookup_principal(uuid) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;

-- Names as people type them: without accents or capitals, and with a letter wrong.
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE FUNCTION search_text(given text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(unaccent(given))
$$;

-- Whether every word of a query is in the name or the e-mail address, or nearly so, or is a part
-- of the phone number.
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
        -- 099 123 4567 and +593 99 123 4567 are one number: the leading zero is the country's own.
        LATERAL (SELECT ltrim(regexp_replace(word, '\D', '', 'g'), '0') AS digits) AS number
    WHERE word <> ''
$$;
