CREATE TABLE series (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    patient_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    treatment_id uuid NOT NULL,
    operatory_id uuid REFERENCES operatories,
    rrule text NOT NULL, -- RFC 5545
    first_start timestamp NOT NULL, -- local, in the practice's zone
    zone text NOT NULL,
    rdates timestamp[] NOT NULL DEFAULT '{}',
    exdates timestamp[] NOT NULL DEFAULT '{}',
    policy text NOT NULL CHECK (policy IN ('all_or_nothing', 'skip', 'nearest')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id),
    FOREIGN KEY (tenant_id, treatment_id) REFERENCES treatments (tenant_id, id),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES patient_dentists (tenant_id, patient_id)
);

CREATE TABLE appointments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    version bigint NOT NULL DEFAULT 1, -- its ETag
    status text NOT NULL CHECK (status IN
        ('scheduled', 'confirmed', 'arrived', 'in_chair', 'completed', 'cancelled', 'no_show')),
    start_at timestamptz NOT NULL CHECK (is_whole_minute(start_at)),
    end_at timestamptz NOT NULL CHECK (is_whole_minute(end_at)),
    patient_id uuid NOT NULL,
    provider_id uuid NOT NULL, -- who leads the visit: `dentistId` in the API
    operatory_id uuid NOT NULL REFERENCES operatories,
    treatment_id uuid NOT NULL,
    -- Its own copy of the treatment's pattern with the chosen calendars:
    -- [{role, from, to, bufferBefore, bufferAfter, calendarId}]
    pattern jsonb NOT NULL,
    series_id uuid,
    occurrence timestamp, -- local start by the series' rule, before any move
    notes text,
    cancel_reason text,
    confirmed_via text,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    CHECK (end_at > start_at AND end_at <= start_at + interval '24 hours'),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id),
    FOREIGN KEY (tenant_id, treatment_id) REFERENCES treatments (tenant_id, id),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES patient_dentists (tenant_id, patient_id),
    FOREIGN KEY (tenant_id, series_id) REFERENCES series (tenant_id, id)
);
CREATE INDEX appointments_tenant_start ON appointments (tenant_id, start_at);
CREATE INDEX appointments_patient_start ON appointments (patient_id, start_at);
CREATE INDEX appointments_series ON appointments (series_id) WHERE series_id IS NOT NULL;

CREATE TABLE holds (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    token_hash bytea NOT NULL, -- SHA-256 of the holdToken, whose bearer owns the hold
    start_at timestamptz NOT NULL CHECK (is_whole_minute(start_at)),
    end_at timestamptz NOT NULL CHECK (is_whole_minute(end_at)),
    provider_id uuid NOT NULL,
    operatory_id uuid NOT NULL REFERENCES operatories,
    treatment_id uuid NOT NULL,
    patient_id uuid,
    pattern jsonb NOT NULL,
    owner text NOT NULL, -- the user or session that limits count
    address text, -- /24 or /56 of a public asker
    expires_at timestamptz NOT NULL,
    renewable_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    CHECK (end_at > start_at AND end_at <= start_at + interval '24 hours'),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id),
    FOREIGN KEY (tenant_id, treatment_id) REFERENCES treatments (tenant_id, id)
);
CREATE INDEX holds_expires ON holds (expires_at);

-- What is taken. The exclusion constraint is the promise that nothing is booked twice, whatever
-- the program does. Blocks and external busy times are facts and may overlap anything.
CREATE TABLE claims (
    id uuid PRIMARY KEY,
    calendar_id uuid NOT NULL REFERENCES calendars,
    tenant_id uuid NOT NULL REFERENCES tenants, -- whose claim; a shared calendar has several owners'
    kind text NOT NULL CHECK (kind IN ('appointment', 'hold', 'block', 'external')),
    during tstzrange NOT NULL,
    appointment_id uuid,
    hold_id uuid,
    source text, -- of an external claim: which import; its rows are replaced together
    title text, -- of a block or external claim; never in events
    FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments (tenant_id, id),
    FOREIGN KEY (tenant_id, hold_id) REFERENCES holds (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT claims_whole_minutes CHECK (
        lower_inc(during) AND NOT upper_inc(during)
        AND NOT lower_inf(during) AND NOT upper_inf(during)
        AND is_whole_minute(lower(during)) AND is_whole_minute(upper(during))),
    CONSTRAINT claims_not_empty CHECK (NOT isempty(during)),
    CONSTRAINT claims_at_most_a_day CHECK (
        kind NOT IN ('appointment', 'hold') OR upper(during) - lower(during) <= interval '24 hours'),
    CONSTRAINT claims_name_their_cause CHECK (
        (kind = 'appointment') = (appointment_id IS NOT NULL) AND (kind = 'hold') = (hold_id IS NOT NULL)),
    CONSTRAINT claims_no_overbooking EXCLUDE USING gist (calendar_id WITH =, during WITH &&)
        WHERE (kind IN ('appointment', 'hold'))
);
CREATE INDEX claims_calendar ON claims (calendar_id);

-- Claims that settled long ago: same shape, no constraint to keep.
CREATE TABLE claims_past (LIKE claims, PRIMARY KEY (id));
CREATE INDEX claims_past_calendar ON claims_past (calendar_id);

-- The log: per calendar numbered without a gap, in commit order. Carries ids, no names, no notes.
CREATE TABLE calendar_events (
    calendar_id uuid NOT NULL REFERENCES calendars,
    version bigint NOT NULL CHECK (version > 0),
    tx uuid NOT NULL, -- the command; the same on every calendar that it touches
    node uuid NOT NULL, -- which process committed it
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now(),
    operations jsonb NOT NULL,
    PRIMARY KEY (calendar_id, version)
);
CREATE INDEX calendar_events_xid ON calendar_events (xid);

-- Answers of committed commands that carried a key, kept at least 24 h.
CREATE TABLE idempotency_results (
    tenant_id uuid NOT NULL REFERENCES tenants,
    principal text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL,
    tx uuid NOT NULL,
    result jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, principal, key)
);
CREATE INDEX idempotency_results_created ON idempotency_results (created_at);

-- What the world outside shall hear of (reminders, webhooks, calendar sync); ids only.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    tx uuid NOT NULL,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);
CREATE INDEX outbox_pending ON outbox (id) WHERE delivered_at IS NULL;

-- Who did what to which row. Append-only for every role of the program.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid REFERENCES tenants,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    subject_id uuid,
    tx uuid,
    overrides text[] NOT NULL DEFAULT '{}',
    before jsonb,
    after jsonb
);
CREATE INDEX audit_log_tenant_at ON audit_log (tenant_id, at);

CREATE TABLE waitlist_entries (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    patient_id uuid NOT NULL,
    treatment_id uuid NOT NULL,
    provider_ids uuid[] NOT NULL DEFAULT '{}', -- empty: any
    weekdays smallint[] NOT NULL DEFAULT '{}', -- ISO 8601; empty: any
    from_minute smallint NOT NULL DEFAULT 0,
    to_minute smallint NOT NULL DEFAULT 1440,
    earliest date,
    latest date,
    priority smallint NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'waiting'
        CHECK (status IN ('waiting', 'offered', 'booked', 'withdrawn')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES patient_dentists (tenant_id, patient_id),
    FOREIGN KEY (tenant_id, treatment_id) REFERENCES treatments (tenant_id, id)
);
CREATE INDEX waitlist_entries_waiting ON waitlist_entries (tenant_id, treatment_id) WHERE status = 'waiting';

CREATE TABLE waitlist_offers (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    entry_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'accepted', 'declined', 'expired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES waitlist_entries (tenant_id, id)
);
