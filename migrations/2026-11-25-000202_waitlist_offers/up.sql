-- An offer names the time that it offers, so that nobody is offered the same time twice.
ALTER TABLE waitlist_offers
    ADD COLUMN provider_id uuid NOT NULL,
    ADD COLUMN operatory_id uuid NOT NULL REFERENCES operatories,
    ADD COLUMN start_at timestamptz NOT NULL,
    ADD COLUMN end_at timestamptz NOT NULL CHECK (end_at > start_at),
    ADD COLUMN closed_at timestamptz,
    ADD CONSTRAINT waitlist_offers_closed_at CHECK ((status = 'open') = (closed_at IS NULL)),
    ADD UNIQUE (tenant_id, id),
    ADD FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id);
-- One winner: an entry has one open offer, a hold stands for one.
CREATE UNIQUE INDEX waitlist_offers_open ON waitlist_offers (entry_id) WHERE status = 'open';
CREATE UNIQUE INDEX waitlist_offers_hold ON waitlist_offers (hold_id);
CREATE INDEX waitlist_offers_entry ON waitlist_offers (entry_id);

ALTER TABLE waitlist_entries
    ADD CONSTRAINT waitlist_entries_times CHECK (
        from_minute BETWEEN 0 AND 1439 AND to_minute BETWEEN 1 AND 1440 AND to_minute > from_minute),
    ADD CONSTRAINT waitlist_entries_dates CHECK (latest >= earliest),
    ADD CONSTRAINT waitlist_entries_weekdays CHECK (weekdays <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]);

-- Time that came free while somebody waited, written by the commit that freed it and removed by
-- whichever node has looked for somebody to offer it to.
CREATE TABLE freed_times (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    calendar_ids uuid[] NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL CHECK (end_at > start_at),
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE freed_times ENABLE ROW LEVEL SECURITY;
ALTER TABLE freed_times FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON freed_times TO denticloud_engine USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON freed_times TO denticloud_engine;

-- The engine ranks who waits and closes offers with the holds that they stand for. Entries name
-- people by id only, as appointments do.
CREATE POLICY engine ON waitlist_entries TO denticloud_engine USING (true) WITH CHECK (true);
CREATE POLICY engine ON waitlist_offers TO denticloud_engine USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (status) ON waitlist_entries TO denticloud_engine;
GRANT SELECT, INSERT, UPDATE (status, closed_at) ON waitlist_offers TO denticloud_engine;
-- An offer is made and closed by the engine's commit, together with its hold.
REVOKE INSERT, UPDATE, DELETE ON waitlist_offers FROM denticloud_app;

-- The calendar of somebody who waits, while the practice still treats them.
CREATE POLICY lookup_calendars ON patient_dentists FOR SELECT TO denticloud_lookup USING (true);
GRANT SELECT (id, calendar_id) ON patients TO denticloud_lookup;
GRANT SELECT (tenant_id, patient_id, status) ON patient_dentists TO denticloud_lookup;
CREATE FUNCTION lookup_patient_calendars(tenant uuid, wanted uuid[])
RETURNS TABLE (patient_id uuid, calendar_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.calendar_id FROM patients p
    JOIN patient_dentists r ON r.patient_id = p.id
    WHERE r.tenant_id = tenant AND r.status = 'active' AND p.id = ANY (wanted)
$$;

-- The offer behind a token.
GRANT SELECT (tenant_id, id, hold_id, token_hash) ON waitlist_offers TO denticloud_lookup;
CREATE POLICY lookup ON waitlist_offers FOR SELECT TO denticloud_lookup USING (true);
CREATE FUNCTION lookup_offer(wanted bytea)
RETURNS TABLE (tenant_id uuid, id uuid, hold_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.tenant_id, o.id, o.hold_id FROM waitlist_offers o WHERE o.token_hash = wanted
$$;

DO $$
BEGIN
    GRANT CREATE ON SCHEMA public TO denticloud_lookup;
    ALTER FUNCTION lookup_patient_calendars(uuid, uuid[]) OWNER TO denticloud_lookup;
    ALTER FUNCTION lookup_offer(bytea) OWNER TO denticloud_lookup;
    REVOKE ALL ON FUNCTION lookup_patient_calendars(uuid, uuid[]), lookup_offer(bytea) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION lookup_patient_calendars(uuid, uuid[]) TO denticloud_engine;
    GRANT EXECUTE ON FUNCTION lookup_offer(bytea) TO denticloud_app;
    REVOKE CREATE ON SCHEMA public FROM denticloud_lookup;
END
$$;
