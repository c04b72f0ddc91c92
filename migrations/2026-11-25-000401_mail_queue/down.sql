DROP TABLE mail_queue;
REVOKE USAGE ON SCHEMA public FROM denticloud_mail;
