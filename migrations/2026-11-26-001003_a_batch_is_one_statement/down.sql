DROP FUNCTION write_batch;
