DROP FUNCTION patient_matches(text, text, text, text, text);
DROP FUNCTION search_text(text);
DROP EXTENSION pg_trgm;
DROP EXTENSION unaccent;
DROP FUNCTION lookup_principal(uuid);
REVOKE SELECT (user_id) ON patients FROM denticloud_lookup;
DROP POLICY lookup ON patients;
