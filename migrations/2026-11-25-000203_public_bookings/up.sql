-- Bookings that came in from the public page: how their maker comes back to them, and the address
-- or number that they gave, which nobody has verified.
CREATE TABLE public_bookings (
    -- Written before the appointment, so it is no foreign key: a booking that fails leaves a row
    -- that counts for a minute.
    appointment_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    manage_token_hash bytea NOT NULL UNIQUE, -- SHA-256
    email text CHECK (email = lower(email)),
    phone text,
    verified_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, appointment_id)
);
CREATE INDEX public_bookings_email ON public_bookings (tenant_id, email) WHERE verified_at IS NULL;
CREATE INDEX public_bookings_phone ON public_bookings (tenant_id, phone) WHERE verified_at IS NULL;
ALTER TABLE public_bookings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public_bookings FORCE ROW LEVEL SECURITY;
CREATE POLICY app ON public_bookings TO denticloud_app
    USING (tenant_id = ANY ((SELECT app_tenants())::uuid[]))
    WITH CHECK (tenant_id = ANY ((SELECT app_tenants())::uuid[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON public_bookings TO denticloud_app;

-- The booking behind a token.
CREATE POLICY lookup ON public_bookings FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT (tenant_id, appointment_id, manage_token_hash) ON public_bookings TO denticloud_lookup;
CREATE FUNCTION lookup_public_booking(wanted bytea)
RETURNS TABLE (tenant_id uuid, appointment_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.tenant_id, b.appointment_id FROM public_bookings b WHERE b.manage_token_hash = wanted
$$;
DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    ALTER FUNCTION lookup_public_booking(bytea) OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION lookup_public_booking(bytea) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION lookup_public_booking(bytea) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
