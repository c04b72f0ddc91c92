DROP FUNCTION release_request_key(uuid);
DROP FUNCTION settle_request_key(uuid, bytea);
DROP FUNCTION claim_request_key(uuid, text, text, bytea, uuid, bytea, boolean);
DROP FUNCTION request_answer(uuid, text, text, boolean);
REVOKE SELECT (tenant_id, principal, key) ON idempotency_results FROM denticloud_lookup;
DROP POLICY lookup ON idempotency_results;
DROP TABLE request_answers;
