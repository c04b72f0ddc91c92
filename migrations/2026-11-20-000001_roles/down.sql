DROP FUNCTION is_whole_minute(timestamptz);
DROP TABLE database_epoch;
DROP FUNCTION app_is_super_admin();
DROP FUNCTION app_user();
DROP FUNCTION app_tenants();
REVOKE USAGE ON SCHEMA public FROM denticloud_app, denticloud_engine, denticloud_lookup;
DROP EXTENSION btree_gist;
-- The roles stay: other databases of the cluster may use them.
