DROP FUNCTION forget_ended_sign_ins(timestamptz, integer);
REVOKE DELETE ON refresh_tokens FROM denticloud_lookup;
DROP POLICY lookup_forget ON refresh_tokens;
DROP POLICY engine_folded ON calendar_events;
REVOKE DELETE ON calendar_events FROM denticloud_engine;
