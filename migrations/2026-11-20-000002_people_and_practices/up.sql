CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL CHECK (email = lower(email)),
    name text NOT NULL,
    -- PHC string of Argon2id; NULL for accounts that sign in elsewhere.
    password_hash text,
    is_super_admin boolean NOT NULL DEFAULT false,
    locale text NOT NULL DEFAULT 'es' CHECK (locale IN ('es', 'en')),
    email_verified_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (email);

-- Rotating refresh tokens: each use replaces the token; a token used twice revokes its family.
CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    family uuid NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX refresh_tokens_hash_key ON refresh_tokens (token_hash);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    subdomain text NOT NULL UNIQUE CHECK (subdomain ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    zone text NOT NULL,
    locale text NOT NULL DEFAULT 'es' CHECK (locale IN ('es', 'en')),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    plan text NOT NULL DEFAULT 'trial',
    trial_ends_at timestamptz,
    -- Slot interval, notice, horizon, hold time, weights; missing keys have the program's defaults.
    policy jsonb NOT NULL DEFAULT '{}',
    -- Raised by each change of hours, exceptions, treatments or policy. Such a change first locks
    -- the calendars that it governs, so a commit that holds them reads a settled number.
    rules_version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role IN
        ('dentist', 'admin', 'staff_receptionist', 'staff_billing', 'staff_assistant')),
    permissions text[] NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

-- One person, one record, whoever treats them.
CREATE TABLE patients (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text CHECK (email = lower(email)),
    phone text CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'), -- E.164
    date_of_birth date,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX patients_user ON patients (user_id);
CREATE INDEX patients_email ON patients (email);

-- A patient's relation to a dentist (the tenant), with its own start, end and notes.
CREATE TABLE patient_dentists (
    tenant_id uuid NOT NULL REFERENCES tenants,
    patient_id uuid NOT NULL REFERENCES patients,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended')),
    started_on date NOT NULL DEFAULT CURRENT_DATE,
    ended_on date,
    notes text,
    PRIMARY KEY (tenant_id, patient_id)
);
CREATE INDEX patient_dentists_patient ON patient_dentists (patient_id);
