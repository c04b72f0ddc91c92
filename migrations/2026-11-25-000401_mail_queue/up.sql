-- E-mails on their way. A request queues one in its own transaction; one job of any process sends
-- it, with a role that knows this table and nothing else.
DO $$
BEGIN
    BEGIN
        CREATE ROLE denticloud_mail NOLOGIN NOINHERIT NOBYPASSRLS;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    IF NOT pg_has_role(current_user, 'denticloud_mail', 'MEMBER') THEN
        GRANT denticloud_mail TO current_user;
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO denticloud_mail;

CREATE TABLE mail_queue (
    id uuid PRIMARY KEY,
    recipient text NOT NULL,
    locale text NOT NULL CHECK (locale IN ('es', 'en')),
    -- Which text, with what it tells. It may hold a link that is as good as a password, so it goes
    -- when the e-mail has gone: a sent row is deleted, one that was given up keeps none.
    letter jsonb,
    queued_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts smallint NOT NULL DEFAULT 0,
    given_up_at timestamptz,
    CHECK ((letter IS NULL) = (given_up_at IS NOT NULL))
);
CREATE INDEX mail_queue_due ON mail_queue (due_at) WHERE letter IS NOT NULL;
CREATE INDEX mail_queue_given_up ON mail_queue (given_up_at) WHERE given_up_at IS NOT NULL;

ALTER TABLE mail_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_queue FORCE ROW LEVEL SECURITY;
-- Requests put in and never look: what is queued is other people's.
CREATE POLICY app_queue ON mail_queue FOR INSERT TO denticloud_app WITH CHECK (attempts = 0);
GRANT INSERT ON mail_queue TO denticloud_app;
CREATE POLICY mail ON mail_queue TO denticloud_mail USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE, DELETE ON mail_queue TO denticloud_mail;
