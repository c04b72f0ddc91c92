DROP TRIGGER tell_access ON tenants;
DROP TRIGGER tell_access ON refresh_tokens;
DROP TRIGGER tell_access ON users;
DROP TRIGGER tell_access ON memberships;
DROP FUNCTION lookup_access_changes(xid8);
DROP FUNCTION tell_access_of_tenant();
DROP FUNCTION tell_access_of_account();
DROP FUNCTION tell_access_of_user();
DROP TABLE access_changes;
