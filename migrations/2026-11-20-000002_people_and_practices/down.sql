DROP TABLE patient_dentists;
DROP TABLE patients;
DROP TABLE memberships;
DROP TABLE tenants;
DROP TABLE refresh_tokens;
DROP TABLE users;
