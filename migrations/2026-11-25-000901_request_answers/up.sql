-- First answers of changes that carried a key and are not commands of the engine (those are in
-- idempotency_results). A row is made by the transaction of the change itself and gets its answer
-- right after; what it answers is sealed with the server's secret, for some answers carry tokens.
CREATE TABLE request_answers (
    request uuid PRIMARY KEY, -- which request has made the change
    tenant_id uuid REFERENCES tenants, -- NULL: outside any practice
    principal text NOT NULL, -- as in the audit log, or `secret:`, the digest of one and who is signed in
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL, -- SHA-256 of what was asked
    answer bytea NOT NULL,
    settled boolean NOT NULL, -- whether `answer` is the one that was given
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (tenant_id, principal, key)
);
CREATE INDEX request_answers_created ON request_answers (created_at);
ALTER TABLE request_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE request_answers FORCE ROW LEVEL SECURITY;

-- Requests come here through the functions below alone, each for the principal that the server has
-- found: nobody lists keys.
CREATE POLICY lookup ON request_answers TO denticloud_lookup USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON request_answers TO denticloud_lookup;
CREATE POLICY lookup ON idempotency_results FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT (tenant_id, principal, key) ON idempotency_results TO denticloud_lookup;
-- The engine sees that a key is used, and forgets old ones.
CREATE POLICY engine ON request_answers FOR SELECT TO denticloud_engine USING (true);
CREATE POLICY engine_forget ON request_answers FOR DELETE TO denticloud_engine USING (true);
GRANT SELECT (request, tenant_id, principal, key, fingerprint, created_at), DELETE
    ON request_answers TO denticloud_engine;

-- What a key was used for; for a command of the engine, with no fingerprint, unless that may be the
-- request's own (`with_command`). Whoever made the change and did not settle it in a minute is gone.
CREATE FUNCTION request_answer(of_tenant uuid, of_principal text, of_key text, with_command boolean)
RETURNS TABLE (fingerprint bytea, answer bytea, settled boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.fingerprint, a.answer, a.settled OR a.created_at < now() - interval '1 minute'
    FROM request_answers a
    WHERE a.tenant_id IS NOT DISTINCT FROM of_tenant AND a.principal = of_principal AND a.key = of_key
    UNION ALL
    SELECT ''::bytea, ''::bytea, true FROM idempotency_results r
    WHERE r.tenant_id = of_tenant AND r.principal = of_principal AND r.key = of_key AND NOT with_command
$$;

-- Uses a key, in the transaction of the change: `ours`; `taken` by another request, also one that
-- was quicker just now; `command`: a command of the engine has it.
CREATE FUNCTION claim_request_key(
    of_tenant uuid, of_principal text, of_key text, asked bytea, by_request uuid, provisional bytea,
    with_command boolean)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    holder uuid;
BEGIN
    IF NOT with_command AND EXISTS (SELECT FROM idempotency_results r WHERE r.tenant_id = of_tenant
        AND r.principal = of_principal AND r.key = of_key) THEN
        RETURN 'command';
    END IF;
    INSERT INTO request_answers (request, tenant_id, principal, key, fingerprint, answer, settled)
        VALUES (by_request, of_tenant, of_principal, of_key, asked, provisional, false)
        ON CONFLICT DO NOTHING;
    SELECT a.request INTO holder FROM request_answers a
        WHERE a.tenant_id IS NOT DISTINCT FROM of_tenant AND a.principal = of_principal AND a.key = of_key;
    RETURN CASE WHEN holder = by_request THEN 'ours' ELSE 'taken' END;
END
$$;

-- The answer that was given; without one, what was kept meanwhile is all that there will be.
CREATE FUNCTION settle_request_key(by_request uuid, given bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE request_answers SET answer = coalesce(given, answer), settled = true WHERE request = by_request
$$;

-- The request was refused after all: it is decided again when it comes again.
CREATE FUNCTION release_request_key(by_request uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM request_answers WHERE request = by_request AND NOT settled
$$;

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    FOREACH signature IN ARRAY ARRAY[
        'request_answer(uuid, text, text, boolean)',
        'claim_request_key(uuid, text, text, bytea, uuid, bytea, boolean)',
        'settle_request_key(uuid, bytea)', 'release_request_key(uuid)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO denticloud_app';
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
