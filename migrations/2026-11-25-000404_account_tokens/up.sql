-- Secrets that are mailed: whoever has one has read the account's mail. Used once.
CREATE TABLE account_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    purpose text NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
    token_hash bytea NOT NULL UNIQUE, -- SHA-256
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX account_tokens_user ON account_tokens (user_id);
ALTER TABLE account_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY app_self ON account_tokens TO denticloud_app
    USING (user_id = (SELECT app_user())) WITH CHECK (user_id = (SELECT app_user()));
GRANT SELECT, INSERT, UPDATE, DELETE ON account_tokens TO denticloud_app;
CREATE POLICY lookup ON account_tokens FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT ON account_tokens TO denticloud_lookup;

-- Accounts at other sign-in services: an issuer's subject never changes hands, addresses do.
CREATE TABLE user_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_user ON user_identities (user_id);
ALTER TABLE user_identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_identities FORCE ROW LEVEL SECURITY;
CREATE POLICY app_self ON user_identities TO denticloud_app
    USING (user_id = (SELECT app_user())) WITH CHECK (user_id = (SELECT app_user()));
GRANT SELECT, INSERT ON user_identities TO denticloud_app;
CREATE POLICY lookup ON user_identities FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT ON user_identities TO denticloud_lookup;

-- Whose a mailed secret is, while it counts.
CREATE FUNCTION lookup_account_token(wanted bytea, for_purpose text) RETURNS TABLE (id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.user_id FROM account_tokens t
    WHERE t.token_hash = wanted AND t.purpose = for_purpose
        AND t.used_at IS NULL AND t.expires_at > now()
$$;

-- The account of an identity.
CREATE FUNCTION lookup_identity(wanted_issuer text, wanted_subject text) RETURNS TABLE (user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.user_id FROM user_identities i
    WHERE i.issuer = wanted_issuer AND i.subject = wanted_subject
$$;

DO $$
DECLARE
    signature text;
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    FOREACH signature IN ARRAY ARRAY[
        'lookup_account_token(bytea, text)', 'lookup_identity(text, text)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || signature || ' OWNER TO denticloud_lookup';
        EXECUTE 'REVOKE ALL ON FUNCTION ' || signature || ' FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION ' || signature || ' TO denticloud_app';
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
