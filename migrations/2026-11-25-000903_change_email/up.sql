-- A secret may be for another address than the account's: then that is to become it.
ALTER TABLE account_tokens
    DROP CONSTRAINT account_tokens_purpose_check,
    ADD CONSTRAINT account_tokens_purpose_check
        CHECK (purpose IN ('verify_email', 'reset_password', 'change_email')),
    ADD COLUMN email text CHECK (email = lower(email)),
    ADD CONSTRAINT account_tokens_for_an_address CHECK ((purpose = 'change_email') = (email IS NOT NULL));
