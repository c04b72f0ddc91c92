DELETE FROM account_tokens WHERE purpose = 'change_email';
ALTER TABLE account_tokens
    DROP CONSTRAINT account_tokens_for_an_address,
    DROP COLUMN email,
    DROP CONSTRAINT account_tokens_purpose_check,
    ADD CONSTRAINT account_tokens_purpose_check CHECK (purpose IN ('verify_email', 'reset_password'));
