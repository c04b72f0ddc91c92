-- An account gets no record that has become another one, nor one that every practice which has it
-- has put away.
GRANT SELECT (merged_into) ON patients TO denticloud_lookup;
CREATE OR REPLACE FUNCTION link_my_records() RETURNS TABLE (patient_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE patients p SET user_id = app_user()
    FROM users u
    WHERE u.id = app_user() AND u.email_verified_at IS NOT NULL
        AND p.user_id IS NULL AND p.email = u.email
        AND p.merged_into IS NULL
        AND (EXISTS (SELECT FROM patient_dentists r WHERE r.patient_id = p.id AND r.archived_at IS NULL)
            OR NOT EXISTS (SELECT FROM patient_dentists r WHERE r.patient_id = p.id))
        AND p.date_of_birth IN (
            SELECT own.date_of_birth FROM patients own WHERE own.user_id = u.id)
    RETURNING p.id
$$;
