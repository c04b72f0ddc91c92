DROP FUNCTION clinic_rules_changed(uuid);
DROP FUNCTION tenant_rules_changed(uuid);
REVOKE UPDATE (rules_version) ON tenants, clinics FROM denticloud_engine;
DROP POLICY engine_rules ON clinics;
DROP POLICY engine_rules ON tenants;
DROP TABLE rules_changes;
