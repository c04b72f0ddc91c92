-- The timeline of one resource that can be in one place at a time. Operatories and patients belong
-- to no tenant: several share them.
CREATE TABLE calendars (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('dentist', 'operatory', 'staff', 'equipment', 'patient')),
    tenant_id uuid REFERENCES tenants,
    -- Number of the last event; the fence that every commit compares.
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    -- The state at base_version: what folding the later events starts from.
    base_version bigint NOT NULL DEFAULT 0 CHECK (base_version BETWEEN 0 AND version),
    base jsonb NOT NULL DEFAULT '[]',
    CHECK ((tenant_id IS NULL) = (kind IN ('operatory', 'patient'))),
    UNIQUE (tenant_id, id)
);

ALTER TABLE patients ADD COLUMN calendar_id uuid NOT NULL UNIQUE REFERENCES calendars;

-- Clinics are not tenants: a super admin makes them and lends their operatories.
CREATE TABLE clinics (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    zone text NOT NULL,
    city text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    phone text,
    rules_version bigint NOT NULL DEFAULT 1
);

CREATE TABLE operatories (
    id uuid PRIMARY KEY,
    clinic_id uuid NOT NULL REFERENCES clinics,
    name text NOT NULL,
    calendar_id uuid NOT NULL UNIQUE REFERENCES calendars,
    active boolean NOT NULL DEFAULT true,
    UNIQUE (clinic_id, name)
);

CREATE TABLE providers (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id uuid REFERENCES users,
    role text NOT NULL CHECK (role IN ('dentist', 'hygienist', 'assistant')),
    name text NOT NULL,
    color text NOT NULL DEFAULT '#0f766e' CHECK (color ~ '^#[0-9a-f]{6}$'),
    calendar_id uuid NOT NULL UNIQUE,
    active boolean NOT NULL DEFAULT true,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars (tenant_id, id)
);

CREATE TABLE equipment (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    clinic_id uuid REFERENCES clinics,
    name text NOT NULL,
    calendar_id uuid NOT NULL UNIQUE,
    active boolean NOT NULL DEFAULT true,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars (tenant_id, id)
);

-- A dentist's right to use an operatory between two dates, on a weekly schedule.
CREATE TABLE assignments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    provider_id uuid NOT NULL,
    operatory_id uuid NOT NULL REFERENCES operatories,
    valid_from date NOT NULL,
    valid_to date, -- the last day; NULL is open
    shared boolean NOT NULL DEFAULT false,
    UNIQUE (tenant_id, id),
    CHECK (valid_to >= valid_from),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
);
CREATE INDEX assignments_operatory ON assignments (operatory_id);
CREATE INDEX assignments_provider ON assignments (tenant_id, provider_id);

-- Local minutes of the day, in the clinic's zone; several rows a day are split shifts.
CREATE TABLE assignment_hours (
    tenant_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7), -- Monday is 1 (ISO 8601)
    from_minute smallint NOT NULL CHECK (from_minute BETWEEN 0 AND 1439),
    to_minute smallint NOT NULL CHECK (to_minute BETWEEN 1 AND 1440 AND to_minute > from_minute),
    PRIMARY KEY (tenant_id, assignment_id, weekday, from_minute),
    FOREIGN KEY (tenant_id, assignment_id) REFERENCES assignments (tenant_id, id) ON DELETE CASCADE
);

-- Hours of staff and equipment, which have no assignments; in the tenant's zone.
CREATE TABLE calendar_hours (
    tenant_id uuid NOT NULL,
    calendar_id uuid NOT NULL,
    weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    from_minute smallint NOT NULL CHECK (from_minute BETWEEN 0 AND 1439),
    to_minute smallint NOT NULL CHECK (to_minute BETWEEN 1 AND 1440 AND to_minute > from_minute),
    valid_from date NOT NULL DEFAULT '2000-01-01',
    valid_to date,
    PRIMARY KEY (tenant_id, calendar_id, weekday, from_minute, valid_from),
    FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars (tenant_id, id)
);

-- Closures, holidays and extra hours of single dates, for exactly one of tenant, clinic, operatory
-- and provider. A row of a clinic or operatory without tenant holds for everyone who works there.
CREATE TABLE schedule_exceptions (
    id uuid PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('tenant', 'clinic', 'operatory', 'provider')),
    tenant_id uuid REFERENCES tenants,
    clinic_id uuid REFERENCES clinics,
    operatory_id uuid REFERENCES operatories,
    provider_id uuid,
    kind text NOT NULL CHECK (kind IN ('closed', 'extra')),
    from_date date NOT NULL,
    to_date date NOT NULL CHECK (to_date >= from_date),
    from_minute smallint CHECK (from_minute BETWEEN 0 AND 1439),
    to_minute smallint CHECK (to_minute BETWEEN 1 AND 1440 AND to_minute > from_minute),
    name_es text NOT NULL DEFAULT '',
    name_en text NOT NULL DEFAULT '',
    CHECK ((from_minute IS NULL) = (to_minute IS NULL)),
    CHECK (kind = 'closed' OR from_minute IS NOT NULL),
    CHECK (CASE scope
        WHEN 'tenant' THEN tenant_id IS NOT NULL AND num_nonnulls(clinic_id, operatory_id, provider_id) = 0
        WHEN 'provider' THEN tenant_id IS NOT NULL AND provider_id IS NOT NULL AND num_nonnulls(clinic_id, operatory_id) = 0
        WHEN 'clinic' THEN tenant_id IS NULL AND clinic_id IS NOT NULL AND num_nonnulls(operatory_id, provider_id) = 0
        WHEN 'operatory' THEN tenant_id IS NULL AND operatory_id IS NOT NULL AND num_nonnulls(clinic_id, provider_id) = 0
    END),
    FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
);
CREATE INDEX schedule_exceptions_tenant ON schedule_exceptions (tenant_id);
CREATE INDEX schedule_exceptions_clinic ON schedule_exceptions (clinic_id);
CREATE INDEX schedule_exceptions_operatory ON schedule_exceptions (operatory_id);

CREATE TABLE treatments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    code text NOT NULL, -- CDT code (American Dental Association) or the practice's own
    name_es text NOT NULL,
    name_en text NOT NULL,
    duration_min smallint NOT NULL CHECK (duration_min BETWEEN 1 AND 1440),
    -- [{role, from, to, bufferBefore, bufferAfter}], minutes from the visit's start
    pattern jsonb NOT NULL,
    color text NOT NULL DEFAULT '#0f766e' CHECK (color ~ '^#[0-9a-f]{6}$'),
    price_cents integer NOT NULL DEFAULT 0 CHECK (price_cents >= 0),
    online_bookable boolean NOT NULL DEFAULT false,
    -- NULL: the tenant's policy decides
    min_notice_min integer CHECK (min_notice_min >= 0),
    horizon_days smallint CHECK (horizon_days BETWEEN 1 AND 1100),
    slot_interval_min smallint CHECK (slot_interval_min BETWEEN 1 AND 1440),
    daily_cap smallint CHECK (daily_cap > 0), -- visits of this treatment per provider and day
    active boolean NOT NULL DEFAULT true,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, code)
);

-- Who offers a treatment; a treatment without rows is offered by every provider of its lead role.
CREATE TABLE treatment_providers (
    tenant_id uuid NOT NULL,
    treatment_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, treatment_id, provider_id),
    FOREIGN KEY (tenant_id, treatment_id) REFERENCES treatments (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
);

-- Where it can be done and with what; a treatment without rows can be done in any operatory.
CREATE TABLE treatment_operatories (
    tenant_id uuid NOT NULL,
    treatment_id uuid NOT NULL,
    operatory_id uuid NOT NULL REFERENCES operatories,
    PRIMARY KEY (tenant_id, treatment_id, operatory_id),
    FOREIGN KEY (tenant_id, treatment_id) REFERENCES treatments (tenant_id, id) ON DELETE CASCADE
);
CREATE TABLE treatment_equipment (
    tenant_id uuid NOT NULL,
    treatment_id uuid NOT NULL,
    equipment_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, treatment_id, equipment_id),
    FOREIGN KEY (tenant_id, treatment_id) REFERENCES treatments (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, equipment_id) REFERENCES equipment (tenant_id, id)
);
