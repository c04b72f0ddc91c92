DROP FUNCTION write_batch;
DROP FUNCTION look_at_batch;
