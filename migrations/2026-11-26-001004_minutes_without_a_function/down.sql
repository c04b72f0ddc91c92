CREATE FUNCTION is_whole_minute(at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mod(extract(epoch FROM at), 60) = 0
$$;
ALTER TABLE claims DROP CONSTRAINT claims_whole_minutes;
ALTER TABLE claims ADD CONSTRAINT claims_whole_minutes CHECK (
    lower_inc(during) AND NOT upper_inc(during)
    AND NOT lower_inf(during) AND NOT upper_inf(during)
    AND is_whole_minute(lower(during)) AND is_whole_minute(upper(during)));
ALTER TABLE appointments DROP CONSTRAINT appointments_whole_minutes,
    ADD CHECK (is_whole_minute(start_at)), ADD CHECK (is_whole_minute(end_at));
ALTER TABLE holds DROP CONSTRAINT holds_whole_minutes,
    ADD CHECK (is_whole_minute(start_at)), ADD CHECK (is_whole_minute(end_at));
