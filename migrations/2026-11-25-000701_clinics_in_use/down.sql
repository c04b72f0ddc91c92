ALTER TABLE clinics DROP COLUMN active;
