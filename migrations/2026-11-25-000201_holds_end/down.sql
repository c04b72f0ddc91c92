DROP INDEX holds_token;
DROP INDEX holds_ended;
DROP INDEX holds_live;
DROP INDEX holds_expires;
DELETE FROM holds WHERE ended IS NOT NULL;
CREATE INDEX holds_expires ON holds (expires_at);
ALTER TABLE holds DROP COLUMN ended, DROP COLUMN ended_at;
