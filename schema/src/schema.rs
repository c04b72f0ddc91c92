// @generated automatically by Diesel CLI.

pub mod sql_types {
    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "xid8", schema = "pg_catalog"))]
    pub struct Xid8;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Xid8;

    access_changes (id) {
        id -> Int8,
        user_id -> Nullable<Uuid>,
        key_id -> Nullable<Uuid>,
        tenant_id -> Nullable<Uuid>,
        xid -> Xid8,
        at -> Timestamptz,
        patient_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    account_tokens (id) {
        id -> Uuid,
        user_id -> Uuid,
        purpose -> Text,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        email -> Nullable<Text>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        name -> Text,
        secret_hash -> Bytea,
        scopes -> Array<Nullable<Text>>,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    appointments (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        version -> Int8,
        status -> Text,
        start_at -> Timestamptz,
        end_at -> Timestamptz,
        patient_id -> Uuid,
        provider_id -> Uuid,
        operatory_id -> Uuid,
        treatment_id -> Uuid,
        pattern -> Jsonb,
        series_id -> Nullable<Uuid>,
        occurrence -> Nullable<Timestamp>,
        notes -> Nullable<Text>,
        cancel_reason -> Nullable<Text>,
        confirmed_via -> Nullable<Text>,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        cancel_code -> Nullable<Text>,
        detached -> Bool,
    }
}

diesel::table! {
    assignment_hours (tenant_id, assignment_id, weekday, from_minute) {
        tenant_id -> Uuid,
        assignment_id -> Uuid,
        weekday -> Int2,
        from_minute -> Int2,
        to_minute -> Int2,
    }
}

diesel::table! {
    assignments (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        provider_id -> Uuid,
        operatory_id -> Uuid,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        shared -> Bool,
    }
}

diesel::table! {
    audit_log (id) {
        id -> Int8,
        tenant_id -> Nullable<Uuid>,
        at -> Timestamptz,
        actor -> Text,
        action -> Text,
        subject -> Text,
        subject_id -> Nullable<Uuid>,
        tx -> Nullable<Uuid>,
        overrides -> Array<Nullable<Text>>,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
        role -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

diesel::table! {
    blocks (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        calendar_id -> Uuid,
        kind -> Text,
        first_start -> Timestamp,
        first_end -> Timestamp,
        zone -> Text,
        rrule -> Nullable<Text>,
        rdates -> Array<Nullable<Timestamp>>,
        exdates -> Array<Nullable<Timestamp>>,
        version -> Int8,
        created_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Xid8;

    calendar_events (calendar_id, version) {
        calendar_id -> Uuid,
        version -> Int8,
        tx -> Uuid,
        node -> Uuid,
        xid -> Xid8,
        at -> Timestamptz,
        operations -> Jsonb,
    }
}

diesel::table! {
    calendar_hours (tenant_id, calendar_id, weekday, from_minute, valid_from) {
        tenant_id -> Uuid,
        calendar_id -> Uuid,
        weekday -> Int2,
        from_minute -> Int2,
        to_minute -> Int2,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
    }
}

diesel::table! {
    calendars (id) {
        id -> Uuid,
        kind -> Text,
        tenant_id -> Nullable<Uuid>,
        version -> Int8,
        base_version -> Int8,
        base -> Jsonb,
    }
}

diesel::table! {
    claims (id) {
        id -> Uuid,
        calendar_id -> Uuid,
        tenant_id -> Uuid,
        kind -> Text,
        during -> Tstzrange,
        appointment_id -> Nullable<Uuid>,
        hold_id -> Nullable<Uuid>,
        source -> Nullable<Text>,
        title -> Nullable<Text>,
        block_id -> Nullable<Uuid>,
        occurrence -> Nullable<Timestamp>,
        detached -> Bool,
    }
}

diesel::table! {
    claims_past (id) {
        id -> Uuid,
        calendar_id -> Uuid,
        tenant_id -> Uuid,
        kind -> Text,
        during -> Tstzrange,
        appointment_id -> Nullable<Uuid>,
        hold_id -> Nullable<Uuid>,
        source -> Nullable<Text>,
        title -> Nullable<Text>,
        block_id -> Nullable<Uuid>,
        occurrence -> Nullable<Timestamp>,
        detached -> Bool,
    }
}

diesel::table! {
    clinics (id) {
        id -> Uuid,
        name -> Text,
        zone -> Text,
        city -> Text,
        address -> Text,
        phone -> Nullable<Text>,
        rules_version -> Int8,
        active -> Bool,
    }
}

diesel::table! {
    database_epoch (singleton) {
        singleton -> Bool,
        system_identifier -> Text,
        timeline -> Int4,
        epoch -> Uuid,
    }
}

diesel::table! {
    equipment (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        clinic_id -> Nullable<Uuid>,
        name -> Text,
        calendar_id -> Uuid,
        active -> Bool,
    }
}

diesel::table! {
    freed_times (id) {
        id -> Int8,
        tenant_id -> Uuid,
        calendar_ids -> Array<Nullable<Uuid>>,
        start_at -> Timestamptz,
        end_at -> Timestamptz,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    holds (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        token_hash -> Bytea,
        start_at -> Timestamptz,
        end_at -> Timestamptz,
        provider_id -> Uuid,
        operatory_id -> Uuid,
        treatment_id -> Uuid,
        patient_id -> Nullable<Uuid>,
        pattern -> Jsonb,
        owner -> Text,
        address -> Nullable<Text>,
        expires_at -> Timestamptz,
        renewable_until -> Timestamptz,
        created_at -> Timestamptz,
        ended -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    idempotency_results (tenant_id, principal, key) {
        tenant_id -> Uuid,
        principal -> Text,
        key -> Text,
        fingerprint -> Bytea,
        tx -> Uuid,
        result -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    invitations (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        email -> Text,
        role -> Text,
        permissions -> Array<Nullable<Text>>,
        token_hash -> Bytea,
        invited_by -> Uuid,
        status -> Text,
        expires_at -> Timestamptz,
        sent_at -> Timestamptz,
        answered_by -> Nullable<Uuid>,
        answered_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    mail_queue (id) {
        id -> Uuid,
        recipient -> Text,
        locale -> Text,
        letter -> Nullable<Jsonb>,
        queued_at -> Timestamptz,
        due_at -> Timestamptz,
        attempts -> Int2,
        given_up_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    memberships (tenant_id, user_id) {
        tenant_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        permissions -> Array<Nullable<Text>>,
        status -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    operatories (id) {
        id -> Uuid,
        clinic_id -> Uuid,
        name -> Text,
        calendar_id -> Uuid,
        active -> Bool,
    }
}

diesel::table! {
    outbox (id) {
        id -> Int8,
        tenant_id -> Uuid,
        tx -> Uuid,
        kind -> Text,
        subject_id -> Uuid,
        created_at -> Timestamptz,
        delivered_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    patient_dentists (tenant_id, patient_id) {
        tenant_id -> Uuid,
        patient_id -> Uuid,
        status -> Text,
        started_on -> Date,
        ended_on -> Nullable<Date>,
        notes -> Nullable<Text>,
        archived_at -> Nullable<Timestamptz>,
        search -> Text,
        sort_name -> Text,
    }
}

diesel::table! {
    patient_link_requests (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        patient_id -> Uuid,
        token_hash -> Bytea,
        status -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    patient_medical (id) {
        id -> Int8,
        tenant_id -> Uuid,
        patient_id -> Uuid,
        author -> Text,
        author_id -> Nullable<Uuid>,
        history -> Text,
        allergies -> Array<Nullable<Text>>,
        medications -> Array<Nullable<Text>>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    patient_invitations (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        patient_id -> Uuid,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    patients (id) {
        id -> Uuid,
        user_id -> Nullable<Uuid>,
        first_name -> Text,
        last_name -> Text,
        email -> Nullable<Text>,
        phone -> Nullable<Text>,
        date_of_birth -> Nullable<Date>,
        created_at -> Timestamptz,
        calendar_id -> Uuid,
        merged_into -> Nullable<Uuid>,
    }
}

diesel::table! {
    providers (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        user_id -> Nullable<Uuid>,
        role -> Text,
        name -> Text,
        color -> Text,
        calendar_id -> Uuid,
        active -> Bool,
    }
}

diesel::table! {
    public_bookings (appointment_id) {
        appointment_id -> Uuid,
        tenant_id -> Uuid,
        manage_token_hash -> Bytea,
        email -> Nullable<Text>,
        phone -> Nullable<Text>,
        verified_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (id) {
        id -> Uuid,
        user_id -> Uuid,
        family -> Uuid,
        token_hash -> Bytea,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        started_at -> Timestamptz,
        user_agent -> Nullable<Text>,
        address -> Nullable<Text>,
    }
}

diesel::table! {
    request_answers (request) {
        request -> Uuid,
        tenant_id -> Nullable<Uuid>,
        principal -> Text,
        key -> Text,
        fingerprint -> Bytea,
        answer -> Bytea,
        settled -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Xid8;

    rules_changes (id) {
        id -> Int8,
        tenant_id -> Nullable<Uuid>,
        clinic_id -> Nullable<Uuid>,
        version -> Int8,
        xid -> Xid8,
        at -> Timestamptz,
    }
}

diesel::table! {
    schedule_exceptions (id) {
        id -> Uuid,
        scope -> Text,
        tenant_id -> Nullable<Uuid>,
        clinic_id -> Nullable<Uuid>,
        operatory_id -> Nullable<Uuid>,
        provider_id -> Nullable<Uuid>,
        kind -> Text,
        from_date -> Date,
        to_date -> Date,
        from_minute -> Nullable<Int2>,
        to_minute -> Nullable<Int2>,
        name_es -> Text,
        name_en -> Text,
    }
}

diesel::table! {
    series (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        patient_id -> Uuid,
        provider_id -> Uuid,
        treatment_id -> Uuid,
        operatory_id -> Nullable<Uuid>,
        rrule -> Nullable<Text>,
        first_start -> Timestamp,
        zone -> Text,
        rdates -> Array<Nullable<Timestamp>>,
        exdates -> Array<Nullable<Timestamp>>,
        policy -> Text,
        version -> Int8,
        created_at -> Timestamptz,
        duration_min -> Nullable<Int2>,
        window_min -> Nullable<Int2>,
        created_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    subdomains_past (subdomain) {
        subdomain -> Text,
        tenant_id -> Uuid,
        left_at -> Timestamptz,
    }
}

diesel::table! {
    tenants (id) {
        id -> Uuid,
        name -> Text,
        subdomain -> Text,
        zone -> Text,
        locale -> Text,
        status -> Text,
        plan -> Text,
        trial_ends_at -> Nullable<Timestamptz>,
        policy -> Jsonb,
        rules_version -> Int8,
        created_at -> Timestamptz,
        branding -> Jsonb,
    }
}

diesel::table! {
    treatment_equipment (tenant_id, treatment_id, equipment_id) {
        tenant_id -> Uuid,
        treatment_id -> Uuid,
        equipment_id -> Uuid,
    }
}

diesel::table! {
    treatment_operatories (tenant_id, treatment_id, operatory_id) {
        tenant_id -> Uuid,
        treatment_id -> Uuid,
        operatory_id -> Uuid,
    }
}

diesel::table! {
    treatment_providers (tenant_id, treatment_id, provider_id) {
        tenant_id -> Uuid,
        treatment_id -> Uuid,
        provider_id -> Uuid,
    }
}

diesel::table! {
    treatments (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        code -> Text,
        name_es -> Text,
        name_en -> Text,
        duration_min -> Int2,
        pattern -> Jsonb,
        color -> Text,
        price_cents -> Int4,
        online_bookable -> Bool,
        min_notice_min -> Nullable<Int4>,
        horizon_days -> Nullable<Int2>,
        slot_interval_min -> Nullable<Int2>,
        daily_cap -> Nullable<Int2>,
        active -> Bool,
    }
}

diesel::table! {
    user_identities (issuer, subject) {
        issuer -> Text,
        subject -> Text,
        user_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        email -> Text,
        name -> Text,
        password_hash -> Nullable<Text>,
        is_super_admin -> Bool,
        locale -> Text,
        email_verified_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    waitlist_entries (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        patient_id -> Uuid,
        treatment_id -> Uuid,
        provider_ids -> Array<Nullable<Uuid>>,
        weekdays -> Array<Nullable<Int2>>,
        from_minute -> Int2,
        to_minute -> Int2,
        earliest -> Nullable<Date>,
        latest -> Nullable<Date>,
        priority -> Int2,
        status -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    waitlist_offers (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        entry_id -> Uuid,
        hold_id -> Uuid,
        token_hash -> Bytea,
        expires_at -> Timestamptz,
        status -> Text,
        created_at -> Timestamptz,
        provider_id -> Uuid,
        operatory_id -> Uuid,
        start_at -> Timestamptz,
        end_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
        told_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(account_tokens -> users (user_id));
diesel::joinable!(api_keys -> tenants (tenant_id));
diesel::joinable!(api_keys -> users (created_by));
diesel::joinable!(appointments -> operatories (operatory_id));
diesel::joinable!(appointments -> tenants (tenant_id));
diesel::joinable!(assignments -> operatories (operatory_id));
diesel::joinable!(assignments -> tenants (tenant_id));
diesel::joinable!(audit_log -> tenants (tenant_id));
diesel::joinable!(blocks -> calendars (calendar_id));
diesel::joinable!(blocks -> tenants (tenant_id));
diesel::joinable!(calendar_events -> calendars (calendar_id));
diesel::joinable!(calendars -> tenants (tenant_id));
diesel::joinable!(claims -> calendars (calendar_id));
diesel::joinable!(claims -> tenants (tenant_id));
diesel::joinable!(equipment -> clinics (clinic_id));
diesel::joinable!(equipment -> tenants (tenant_id));
diesel::joinable!(freed_times -> tenants (tenant_id));
diesel::joinable!(holds -> operatories (operatory_id));
diesel::joinable!(holds -> tenants (tenant_id));
diesel::joinable!(idempotency_results -> tenants (tenant_id));
diesel::joinable!(invitations -> tenants (tenant_id));
diesel::joinable!(memberships -> tenants (tenant_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(operatories -> calendars (calendar_id));
diesel::joinable!(operatories -> clinics (clinic_id));
diesel::joinable!(outbox -> tenants (tenant_id));
diesel::joinable!(patient_dentists -> patients (patient_id));
diesel::joinable!(patient_dentists -> tenants (tenant_id));
diesel::joinable!(patient_link_requests -> patients (patient_id));
diesel::joinable!(patient_link_requests -> tenants (tenant_id));
diesel::joinable!(patient_medical -> users (author_id));
diesel::joinable!(patients -> calendars (calendar_id));
diesel::joinable!(patients -> users (user_id));
diesel::joinable!(providers -> tenants (tenant_id));
diesel::joinable!(providers -> users (user_id));
diesel::joinable!(public_bookings -> tenants (tenant_id));
diesel::joinable!(refresh_tokens -> users (user_id));
diesel::joinable!(request_answers -> tenants (tenant_id));
diesel::joinable!(rules_changes -> clinics (clinic_id));
diesel::joinable!(rules_changes -> tenants (tenant_id));
diesel::joinable!(schedule_exceptions -> clinics (clinic_id));
diesel::joinable!(schedule_exceptions -> operatories (operatory_id));
diesel::joinable!(schedule_exceptions -> tenants (tenant_id));
diesel::joinable!(series -> operatories (operatory_id));
diesel::joinable!(series -> tenants (tenant_id));
diesel::joinable!(subdomains_past -> tenants (tenant_id));
diesel::joinable!(treatment_operatories -> operatories (operatory_id));
diesel::joinable!(treatments -> tenants (tenant_id));
diesel::joinable!(user_identities -> users (user_id));
diesel::joinable!(waitlist_entries -> tenants (tenant_id));
diesel::joinable!(waitlist_offers -> operatories (operatory_id));
diesel::joinable!(waitlist_offers -> tenants (tenant_id));

diesel::allow_tables_to_appear_in_same_query!(
    access_changes,
    account_tokens,
    api_keys,
    appointments,
    assignment_hours,
    assignments,
    audit_log,
    blocks,
    calendar_events,
    calendar_hours,
    calendars,
    claims,
    claims_past,
    clinics,
    database_epoch,
    equipment,
    freed_times,
    holds,
    idempotency_results,
    invitations,
    mail_queue,
    memberships,
    operatories,
    outbox,
    patient_dentists,
    patient_invitations,
    patient_link_requests,
    patient_medical,
    patients,
    providers,
    public_bookings,
    refresh_tokens,
    request_answers,
    rules_changes,
    schedule_exceptions,
    series,
    subdomains_past,
    tenants,
    treatment_equipment,
    treatment_operatories,
    treatment_providers,
    treatments,
    user_identities,
    users,
    waitlist_entries,
    waitlist_offers,
);
