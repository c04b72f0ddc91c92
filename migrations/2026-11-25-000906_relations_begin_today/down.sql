DROP TRIGGER begin_relation_today ON patient_dentists;
ALTER TABLE patient_dentists ALTER started_on SET DEFAULT CURRENT_DATE;
DROP FUNCTION begin_relation_today();
