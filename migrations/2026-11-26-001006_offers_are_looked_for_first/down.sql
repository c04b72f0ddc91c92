DROP FUNCTION take_untold_offers(integer);
-- Takes some; who has no address, or is no patient any more, is told by nobody.
CREATE FUNCTION take_untold_offers(wanted integer)
RETURNS TABLE (
    id uuid, email text, first_name text, practice text, zone text, locale text,
    name_es text, name_en text, provider text, start_at timestamptz, expires_at timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH taken AS (
        UPDATE waitlist_offers SET told_at = now() WHERE id IN (
            SELECT o.id FROM waitlist_offers o
            WHERE o.status = 'open' AND o.told_at IS NULL AND o.expires_at > now()
            ORDER BY o.created_at LIMIT wanted FOR UPDATE SKIP LOCKED)
        RETURNING *)
    SELECT o.id, p.email, p.first_name, t.name, t.zone, t.locale,
        k.name_es, k.name_en, d.name, o.start_at, o.expires_at
    FROM taken o
    JOIN waitlist_entries e ON e.tenant_id = o.tenant_id AND e.id = o.entry_id
    JOIN patients p ON p.id = e.patient_id
    JOIN patient_dentists r ON r.tenant_id = o.tenant_id AND r.patient_id = p.id AND r.status = 'active'
    JOIN tenants t ON t.id = o.tenant_id AND t.status = 'active'
    JOIN treatments k ON k.tenant_id = o.tenant_id AND k.id = e.treatment_id
    JOIN providers d ON d.tenant_id = o.tenant_id AND d.id = o.provider_id
    WHERE p.email IS NOT NULL
    ORDER BY o.created_at
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    ALTER FUNCTION take_untold_offers(integer) OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION take_untold_offers(integer) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION take_untold_offers(integer) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
