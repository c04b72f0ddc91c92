DROP FUNCTION lookup_identity(text, text);
DROP FUNCTION lookup_account_token(bytea, text);
DROP TABLE user_identities;
DROP TABLE account_tokens;
