-- Operatories are lent by super admins alone, hours included: practices read what they are lent.
-- Before, a practice could delete its assignments and rewrite their hours.
DROP POLICY app ON assignments;
CREATE POLICY app ON assignments FOR SELECT TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
CREATE POLICY app_admin ON assignments TO denticloud_app
    USING ((SELECT app_is_super_admin())) WITH CHECK ((SELECT app_is_super_admin()));
DROP POLICY app ON assignment_hours;
CREATE POLICY app ON assignment_hours FOR SELECT TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
CREATE POLICY app_admin ON assignment_hours TO denticloud_app
    USING ((SELECT app_is_super_admin())) WITH CHECK ((SELECT app_is_super_admin()));

-- Whom to lend to: super admins see who works for which practice.
CREATE POLICY app_admin ON providers FOR SELECT TO denticloud_app
    USING ((SELECT app_is_super_admin()));

-- What is booked in operatories, whoever booked it: minutes only, of appointments with their
-- buffers, by operatory and practice. `whose` says which practice asks: others' minutes are summed
-- under no name; NULL asks for all, which super admins alone may.
CREATE FUNCTION operatory_booked(
    wanted uuid[], from_times timestamptz[], to_times timestamptz[], whose uuid)
RETURNS TABLE (operatory_id uuid, tenant_id uuid, minutes bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT (app_is_super_admin() OR coalesce(whose = ANY (app_tenants()), false)) THEN
        RAISE EXCEPTION 'not a tenant of this transaction' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY
        SELECT o.id, taken.owner,
            (sum(extract(epoch FROM upper(taken.span) - lower(taken.span))) / 60)::bigint
        FROM unnest(wanted, from_times, to_times) AS asked (id, from_time, to_time)
        JOIN operatories o ON o.id = asked.id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN whose IS NULL OR c.tenant_id = whose THEN c.tenant_id END AS owner,
                c.during * tstzrange(asked.from_time, asked.to_time) AS span
            FROM (SELECT calendar_id, kind, during, claims.tenant_id FROM claims
                UNION ALL
                SELECT calendar_id, kind, during, claims_past.tenant_id FROM claims_past) c
            WHERE c.calendar_id = o.calendar_id AND c.kind = 'appointment'
                AND c.during && tstzrange(asked.from_time, asked.to_time)) AS taken
        WHERE whose IS NULL OR EXISTS (
            SELECT FROM assignments a WHERE a.operatory_id = o.id AND a.tenant_id = whose)
        GROUP BY o.id, taken.owner;
END
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_engine;
    ALTER FUNCTION operatory_booked(uuid[], timestamptz[], timestamptz[], uuid) OWNER TO denticloud_engine;
    REVOKE CREATE ON SCHEMA public FROM denticloud_engine;
    REVOKE ALL ON FUNCTION operatory_booked(uuid[], timestamptz[], timestamptz[], uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION operatory_booked(uuid[], timestamptz[], timestamptz[], uuid) TO denticloud_app;
END
$$;
