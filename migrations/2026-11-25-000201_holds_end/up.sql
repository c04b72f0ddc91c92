-- A hold that has ended keeps its row for a day, so that its holder hears why: it has expired, was
-- let go, or became an appointment. Its claims end with it.
ALTER TABLE holds
    ADD COLUMN ended text CHECK (ended IN ('confirmed', 'released', 'expired')),
    ADD COLUMN ended_at timestamptz,
    ADD CONSTRAINT holds_end_has_a_time CHECK ((ended IS NULL) = (ended_at IS NULL));

DROP INDEX holds_expires;
CREATE INDEX holds_expires ON holds (expires_at) WHERE ended IS NULL;
-- What limits count: the live holds of a practice are few.
CREATE INDEX holds_live ON holds (tenant_id) WHERE ended IS NULL;
CREATE INDEX holds_ended ON holds (ended_at) WHERE ended IS NOT NULL;
CREATE INDEX holds_token ON holds (token_hash);
