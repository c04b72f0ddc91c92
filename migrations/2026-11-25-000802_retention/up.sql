-- Old events are folded into their calendar's base and then forgotten. The engine may delete an
-- event only when the base has it: no gap, whatever the program does.
GRANT DELETE ON calendar_events TO denticloud_engine;
CREATE POLICY engine_folded ON calendar_events AS RESTRICTIVE FOR DELETE TO denticloud_engine
    USING (version <= (SELECT c.base_version FROM calendars c WHERE c.id = calendar_id));

-- Sign-ins that ended are of no use to anybody, and accounts are none of the engine's business.
CREATE POLICY lookup_forget ON refresh_tokens FOR DELETE TO denticloud_lookup USING (true);
GRANT DELETE ON refresh_tokens TO denticloud_lookup;
CREATE FUNCTION forget_ended_sign_ins(before timestamptz, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM refresh_tokens WHERE id IN (
        SELECT id FROM refresh_tokens WHERE expires_at < before OR revoked_at < before LIMIT most)
        RETURNING id)
    SELECT count(*) FROM gone
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    ALTER FUNCTION forget_ended_sign_ins(timestamptz, integer) OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION forget_ended_sign_ins(timestamptz, integer) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION forget_ended_sign_ins(timestamptz, integer) TO denticloud_engine;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
