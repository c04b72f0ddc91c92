DROP TRIGGER tell_practice ON tenants;
DROP TRIGGER tell_account ON users;
DROP TRIGGER tell_own_record ON patients;
DROP TRIGGER tell_new_member ON memberships;
DROP FUNCTION tell_access_of_new_member();
