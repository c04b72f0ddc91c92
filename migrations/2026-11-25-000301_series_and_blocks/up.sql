-- A series' row says how it was asked for; its visits are appointments that name it, each with
-- the local start that the rule gave it (RFC 5545's RECURRENCE-ID), which never changes.
ALTER TABLE series ALTER COLUMN rrule DROP NOT NULL; -- without: only the dates
ALTER TABLE series ADD COLUMN duration_min smallint CHECK (duration_min BETWEEN 1 AND 1440);
ALTER TABLE series ADD COLUMN window_min smallint CHECK (window_min BETWEEN 1 AND 1440);
ALTER TABLE series ADD COLUMN created_by uuid;
ALTER TABLE series ADD CONSTRAINT series_window CHECK ((window_min IS NOT NULL) = (policy = 'nearest'));

ALTER TABLE appointments ADD COLUMN cancel_code text CHECK (cancel_code IN
    ('patient_request', 'patient_ill', 'provider_ill', 'practice', 'no_answer', 'duplicate', 'other'));
-- Moved on its own: edits of its series leave it alone.
ALTER TABLE appointments ADD COLUMN detached boolean NOT NULL DEFAULT false;
ALTER TABLE appointments ADD CONSTRAINT appointments_occurrence
    CHECK ((series_id IS NULL) = (occurrence IS NULL));
DROP INDEX appointments_series;
CREATE UNIQUE INDEX appointments_series ON appointments (series_id, occurrence)
    WHERE series_id IS NOT NULL;
-- Those in the chair: few, and looked at often.
CREATE INDEX appointments_in_chair ON appointments (end_at) WHERE status = 'in_chair';

-- Time that a practice keeps from being booked. Each occurrence is a claim that names its block.
CREATE TABLE blocks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    calendar_id uuid NOT NULL REFERENCES calendars,
    kind text NOT NULL CHECK (kind IN ('time_off', 'meeting', 'cleaning', 'other')),
    first_start timestamp NOT NULL, -- local, in the zone
    first_end timestamp NOT NULL,
    zone text NOT NULL,
    rrule text, -- RFC 5545
    rdates timestamp[] NOT NULL DEFAULT '{}',
    exdates timestamp[] NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 1,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id)
);
CREATE INDEX blocks_tenant ON blocks (tenant_id, id);
ALTER TABLE blocks ENABLE ROW LEVEL SECURITY;
ALTER TABLE blocks FORCE ROW LEVEL SECURITY;
CREATE POLICY app ON blocks FOR SELECT TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
GRANT SELECT ON blocks TO denticloud_app;
CREATE POLICY engine ON blocks TO denticloud_engine USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON blocks TO denticloud_engine;

ALTER TABLE claims ADD COLUMN block_id uuid;
ALTER TABLE claims ADD COLUMN occurrence timestamp; -- local start by the block's rule
ALTER TABLE claims ADD COLUMN detached boolean NOT NULL DEFAULT false; -- changed on its own
ALTER TABLE claims ADD CONSTRAINT claims_block FOREIGN KEY (tenant_id, block_id)
    REFERENCES blocks (tenant_id, id);
ALTER TABLE claims ADD CONSTRAINT claims_of_blocks
    CHECK ((block_id IS NULL OR kind = 'block') AND (block_id IS NULL) = (occurrence IS NULL));
CREATE INDEX claims_block ON claims (block_id) WHERE block_id IS NOT NULL;
ALTER TABLE claims_past ADD COLUMN block_id uuid;
ALTER TABLE claims_past ADD COLUMN occurrence timestamp;
ALTER TABLE claims_past ADD COLUMN detached boolean NOT NULL DEFAULT false;
