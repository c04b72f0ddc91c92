-- A batch of changes in two statements: one that locks its calendars and reads what it is judged by, and
-- one that writes its rows, with which COMMIT can be sent along. Each was many, and between them
-- PostgreSQL and the server waited for each other.

-- Locks calendars in the order of their ids, and tells their versions; then those of the rules, and
-- which of the keys have been used. Each of these queries has its own snapshot, behind the locks, so they
-- see every change of rules that had the calendars before.
CREATE FUNCTION look_at_batch(
    calendar_ids uuid[], tenant_ids uuid[], clinic_ids uuid[],
    key_tenants uuid[], key_principals text[], keys text[])
RETURNS TABLE (
    -- calendar, transaction (its number and its clock), tenant, clinic, key
    kind text, id uuid, version bigint, at timestamptz,
    principal text, key text, fingerprint bytea, result jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT 'calendar', c.id, c.version, NULL::timestamptz, NULL::text, NULL::text,
            NULL::bytea, NULL::jsonb
        FROM calendars c WHERE c.id = ANY (calendar_ids) ORDER BY c.id FOR UPDATE;
    RETURN QUERY SELECT 'transaction', NULL::uuid, pg_current_xact_id()::text::bigint, now(), NULL::text,
            NULL::text, NULL::bytea, NULL::jsonb;
    RETURN QUERY SELECT 'tenant', t.id, t.rules_version, NULL::timestamptz, NULL::text, NULL::text,
            NULL::bytea, NULL::jsonb
        FROM tenants t WHERE t.id = ANY (tenant_ids);
    IF cardinality(clinic_ids) > 0 THEN
        RETURN QUERY SELECT 'clinic', c.id, c.rules_version, NULL::timestamptz, NULL::text, NULL::text,
                NULL::bytea, NULL::jsonb
            FROM clinics c WHERE c.id = ANY (clinic_ids);
    END IF;
    IF cardinality(keys) > 0 THEN
        RETURN QUERY SELECT 'key', r.tenant_id, NULL::bigint, NULL::timestamptz, r.principal, r.key,
                r.fingerprint, r.result
            FROM (SELECT DISTINCT * FROM unnest(key_tenants, key_principals, keys)) AS
                wanted (tenant_id, principal, key)
            JOIN idempotency_results r USING (tenant_id, principal, key);
    END IF;
END
$$;

-- Writes all rows of a batch, in the transaction that is named: there the calendars are locked and their
-- versions have been compared. Should it ever run outside of it (COMMIT has overtaken it), it writes
-- nothing.
-- Each table's rows are arrays of the same length; a row that is not as the decision had it makes the
-- whole batch impossible.
CREATE FUNCTION write_batch(
    expected_transaction bigint,
    -- New appointments and new states of old ones.
    appointment_ids uuid[], appointment_tenants uuid[], appointment_versions bigint[],
    appointment_statuses text[], appointment_starts timestamptz[], appointment_ends timestamptz[],
    appointment_patients uuid[], appointment_providers uuid[], appointment_operatories uuid[],
    appointment_treatments uuid[], appointment_patterns jsonb[], appointment_series uuid[],
    appointment_occurrences timestamp[], appointment_detached boolean[], appointment_notes text[],
    appointment_cancel_reasons text[], appointment_cancel_codes text[], appointment_confirmed_via text[],
    appointment_created_by uuid[],
    -- New holds, and those that now last longer or shorter.
    hold_ids uuid[], hold_tenants uuid[], hold_token_hashes bytea[], hold_starts timestamptz[],
    hold_ends timestamptz[], hold_providers uuid[], hold_operatories uuid[], hold_treatments uuid[],
    hold_patients uuid[], hold_patterns jsonb[], hold_owners text[], hold_addresses text[],
    hold_expiries timestamptz[], hold_renewable_until timestamptz[],
    ended_hold_ids uuid[], ended_hold_hows text[],
    deleted_claim_ids uuid[],
    claim_ids uuid[], claim_calendars uuid[], claim_tenants uuid[], claim_kinds text[],
    claim_starts timestamptz[], claim_ends timestamptz[], claim_appointments uuid[], claim_holds uuid[],
    claim_sources text[], claim_titles text[], claim_blocks uuid[], claim_occurrences timestamp[],
    claim_detached boolean[],
    event_calendars uuid[], event_versions bigint[], event_txs uuid[], event_nodes uuid[],
    event_operations jsonb[],
    raised_calendars uuid[], raised_versions bigint[],
    -- In the order of the keys: two nodes that race for the same ones cannot deadlock.
    key_tenants uuid[], key_principals text[], keys text[], key_fingerprints bytea[], key_txs uuid[],
    key_results jsonb[],
    outbox_tenants uuid[], outbox_txs uuid[], outbox_kinds text[], outbox_subjects uuid[],
    audit_tenants uuid[], audit_actors text[], audit_actions text[], audit_subjects uuid[],
    audit_txs uuid[], audit_overrides text[], audit_befores jsonb[], audit_afters jsonb[],
    audit_roles text[], audit_addresses text[], audit_requests text[],
    -- What has come free; kept where somebody waits.
    freed_tenants uuid[], freed_calendars jsonb[], freed_from timestamptz[], freed_to timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    touched bigint;
BEGIN
    IF pg_current_xact_id()::text::bigint <> expected_transaction THEN
        RAISE 'a batch outside of its transaction' USING ERRCODE = 'invalid_transaction_state';
    END IF;

    IF cardinality(appointment_ids) > 0 THEN
        INSERT INTO appointments AS a (id, tenant_id, version, status, start_at, end_at, patient_id,
            provider_id, operatory_id, treatment_id, pattern, series_id, occurrence, detached, notes,
            cancel_reason, cancel_code, confirmed_via, created_by)
        SELECT * FROM unnest(appointment_ids, appointment_tenants, appointment_versions,
            appointment_statuses, appointment_starts, appointment_ends, appointment_patients,
            appointment_providers, appointment_operatories, appointment_treatments,
            appointment_patterns, appointment_series, appointment_occurrences, appointment_detached,
            appointment_notes, appointment_cancel_reasons, appointment_cancel_codes,
            appointment_confirmed_via, appointment_created_by)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, status = excluded.status,
            start_at = excluded.start_at, end_at = excluded.end_at, patient_id = excluded.patient_id,
            provider_id = excluded.provider_id, operatory_id = excluded.operatory_id,
            treatment_id = excluded.treatment_id, pattern = excluded.pattern,
            detached = excluded.detached, notes = excluded.notes,
            cancel_reason = excluded.cancel_reason, cancel_code = excluded.cancel_code,
            confirmed_via = excluded.confirmed_via, updated_at = now()
        WHERE a.version = excluded.version - 1 AND a.tenant_id = excluded.tenant_id;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> cardinality(appointment_ids) THEN
            RAISE 'an appointment has another version' USING ERRCODE = 'check_violation';
        END IF;
    END IF;

    IF cardinality(hold_ids) > 0 THEN
        INSERT INTO holds AS h (id, tenant_id, token_hash, start_at, end_at, provider_id, operatory_id,
            treatment_id, patient_id, pattern, owner, address, expires_at, renewable_until)
        SELECT * FROM unnest(hold_ids, hold_tenants, hold_token_hashes, hold_starts, hold_ends,
            hold_providers, hold_operatories, hold_treatments, hold_patients, hold_patterns,
            hold_owners, hold_addresses, hold_expiries, hold_renewable_until)
        ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
        WHERE h.ended IS NULL AND h.tenant_id = excluded.tenant_id;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> cardinality(hold_ids) THEN
            RAISE 'a hold has ended' USING ERRCODE = 'check_violation';
        END IF;
    END IF;

    -- All deletes of claims come before all inserts, as statements of their own: in one statement the
    -- exclusion constraint would still see the deleted rows.
    IF cardinality(deleted_claim_ids) > 0 THEN
        DELETE FROM claims WHERE id = ANY (deleted_claim_ids);
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> cardinality(deleted_claim_ids) THEN
            RAISE 'a claim is gone' USING ERRCODE = 'check_violation';
        END IF;
    END IF;

    IF cardinality(claim_ids) > 0 THEN
        INSERT INTO claims (id, calendar_id, tenant_id, kind, during, appointment_id, hold_id, source,
            title, block_id, occurrence, detached)
        SELECT c.id, c.calendar_id, c.tenant_id, c.kind, tstzrange(c.start_at, c.end_at),
            c.appointment_id, c.hold_id, c.source, c.title, c.block_id, c.occurrence, c.detached
        FROM unnest(claim_ids, claim_calendars, claim_tenants, claim_kinds, claim_starts, claim_ends,
            claim_appointments, claim_holds, claim_sources, claim_titles, claim_blocks,
            claim_occurrences, claim_detached)
            AS c (id, calendar_id, tenant_id, kind, start_at, end_at, appointment_id, hold_id, source,
            title, block_id, occurrence, detached);
    END IF;

    IF cardinality(event_calendars) > 0 THEN
        INSERT INTO calendar_events (calendar_id, version, tx, node, operations)
        SELECT * FROM unnest(event_calendars, event_versions, event_txs, event_nodes, event_operations);
        UPDATE calendars AS c SET version = raised.version
        FROM unnest(raised_calendars, raised_versions) AS raised (id, version)
        WHERE c.id = raised.id;
    END IF;

    IF cardinality(keys) > 0 THEN
        INSERT INTO idempotency_results (tenant_id, principal, key, fingerprint, tx, result)
        SELECT * FROM unnest(key_tenants, key_principals, keys, key_fingerprints, key_txs, key_results);
    END IF;

    INSERT INTO outbox (tenant_id, tx, kind, subject_id)
    SELECT * FROM unnest(outbox_tenants, outbox_txs, outbox_kinds, outbox_subjects);

    INSERT INTO audit_log (tenant_id, actor, action, subject, subject_id, tx, overrides, before, after,
        role, address, request_id)
    SELECT a.tenant_id, a.actor, a.action, split_part(a.action, '.', 1), a.subject_id, a.tx,
        coalesce(string_to_array(nullif(a.overrides, ''), ','), '{}'), a.before, a.after, a.role,
        a.address, a.request_id
    FROM unnest(audit_tenants, audit_actors, audit_actions, audit_subjects, audit_txs, audit_overrides,
        audit_befores, audit_afters, audit_roles, audit_addresses, audit_requests)
        AS a (tenant_id, actor, action, subject_id, tx, overrides, before, after, role, address,
        request_id);

    -- The clock is looked at once more: what the judge let pass has expired.
    IF cardinality(ended_hold_ids) > 0 THEN
        UPDATE holds AS h SET ended = e.how, ended_at = now()
        FROM unnest(ended_hold_ids, ended_hold_hows) AS e (id, how)
        WHERE h.id = e.id AND h.ended IS NULL AND (e.how <> 'expired' OR h.expires_at <= now());
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> cardinality(ended_hold_ids) THEN
            RAISE 'a hold cannot end' USING ERRCODE = 'check_violation';
        END IF;
    END IF;

    IF cardinality(freed_tenants) > 0 THEN
        INSERT INTO freed_times (tenant_id, calendar_ids, start_at, end_at)
        SELECT f.tenant_id, ARRAY(SELECT jsonb_array_elements_text(f.calendars)::uuid), f.start_at,
            f.end_at
        FROM unnest(freed_tenants, freed_calendars, freed_from, freed_to)
            AS f (tenant_id, calendars, start_at, end_at)
        WHERE f.end_at > now() AND EXISTS (SELECT FROM waitlist_entries w
            WHERE w.tenant_id = f.tenant_id AND w.status IN ('waiting', 'offered'));
    END IF;
END
$$;

DO $$
DECLARE
    signature regprocedure;
BEGIN
    FOR signature IN SELECT oid FROM pg_proc WHERE proname IN ('look_at_batch', 'write_batch') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO denticloud_engine', signature);
    END LOOP;
END
$$;
