DROP FUNCTION lookup_api_key(uuid);
DROP TABLE api_keys;
