-- As 2026-11-25-000601 had it.
CREATE OR REPLACE FUNCTION find_patients(
    wanted_tenant uuid, query text, state text, nearest boolean,
    after_rank integer, after_name text, after_id uuid, wanted integer)
RETURNS TABLE (patient_id uuid, rank integer, sort_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 AS $$
#variable_conflict use_column
DECLARE
    ours CONSTANT text := format('r.tenant_id = %L', wanted_tenant) || CASE state
        WHEN 'active' THEN ' AND r.status = ''active'' AND r.archived_at IS NULL'
        WHEN 'archived' THEN ' AND r.status = ''active'' AND r.archived_at IS NOT NULL'
        WHEN 'ended' THEN ' AND r.status = ''ended'''
        ELSE '' END;
    folded CONSTANT text := fold_text(query);
    words text[];
    word text;
    digits text;
    wanted_words text := '';
    begins text := 'true';
    nearness text := '0';
BEGIN
    IF NOT wanted_tenant = ANY (app_tenants()) THEN
        RETURN;
    END IF;
    digits := ltrim(regexp_replace(folded, '\D', '', 'g'), '0');
    IF folded !~ '[[:alpha:]@]' AND length(digits) >= 3 THEN
        -- 099 123 4567 and +593 99 123 4567 are one number: the leading zero is the country's own.
        words := ARRAY[digits];
    ELSE
        words := ARRAY(SELECT w FROM regexp_split_to_table(folded, '\s+') w WHERE w <> '' LIMIT 8);
    END IF;
    IF cardinality(words) = 0 THEN
        RETURN QUERY EXECUTE format(
            'SELECT r.patient_id, 0, r.sort_name FROM patient_dentists r WHERE %s%s
             ORDER BY r.sort_name, r.patient_id LIMIT %s', ours,
            CASE WHEN after_id IS NULL THEN '' ELSE format(
                ' AND (r.sort_name, r.patient_id) > (%L, %L)', after_name, after_id) END,
            wanted);
        RETURN;
    END IF;
    FOREACH word IN ARRAY words LOOP
        digits := ltrim(regexp_replace(word, '\D', '', 'g'), '0');
        IF word !~ '[[:alpha:]@]' AND length(digits) >= 3 THEN
            word := digits;
        END IF;
        DECLARE
            literal CONSTANT text := regexp_replace(word, '([\\%_])', '\\\1', 'g');
            start CONSTANT text := format('r.search LIKE %L', '% ' || literal || '%');
            -- Two letters are in everybody's name: they must begin a word.
            inside CONSTANT text := CASE WHEN length(word) < 3 THEN start
                ELSE format('r.search LIKE %L', '%' || literal || '%') END;
        BEGIN
            begins := begins || ' AND ' || start;
            IF nearest AND length(word) >= 4 THEN
                wanted_words := wanted_words
                    || format(' AND (%s OR %L <%% r.search)', inside, word);
            ELSE
                wanted_words := wanted_words || ' AND ' || inside;
            END IF;
            nearness := nearness || format(' + word_similarity(%L, r.search)', word);
        END;
    END LOOP;
    RETURN QUERY EXECUTE format(
        'SELECT * FROM (SELECT r.patient_id, %s AS rank, r.sort_name
             FROM patient_dentists r WHERE %s%s) AS found %s
         ORDER BY rank, sort_name, patient_id LIMIT %s',
        CASE WHEN nearest
            THEN format('2 + (100 * (1 - (%s) / %s))::integer', nearness, cardinality(words))
            ELSE format('CASE WHEN %s THEN 0 ELSE 1 END', begins) END,
        ours, wanted_words,
        CASE WHEN after_id IS NULL THEN '' ELSE format(
            'WHERE (rank, sort_name, patient_id) > (%s, %L, %L)',
            after_rank, after_name, after_id) END,
        wanted);
END
$$;
