-- Finding patients by a query: the ranks one after the other, so that the first page of a common name
-- does not cost a look at everybody who has it.
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
    matches text;
    read_on boolean;
    listed text;
    found record;
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
    IF nearest THEN
        RETURN QUERY EXECUTE format(
            'SELECT * FROM (SELECT r.patient_id, 2 + (100 * (1 - (%s) / %s))::integer AS rank, r.sort_name
                 FROM patient_dentists r WHERE %s%s) AS found %s
             ORDER BY rank, sort_name, patient_id LIMIT %s',
            nearness, cardinality(words), ours, wanted_words,
            CASE WHEN after_id IS NULL THEN '' ELSE format(
                'WHERE (rank, sort_name, patient_id) > (%s, %L, %L)',
                after_rank, after_name, after_id) END,
            wanted);
        RETURN;
    END IF;
    -- One rank after the other, each by name. A common name is met soon by reading on in the list;
    -- one that is not is rare, and found by its letters. The planner cannot choose: policies keep
    -- what is known of the column from it.
    FOR of_rank IN coalesce(after_rank, 0)..1 LOOP
        matches := CASE of_rank WHEN 0 THEN begins
            ELSE format('true%s AND NOT (%s)', wanted_words, begins) END;
        FOREACH read_on IN ARRAY CASE WHEN folded ~ '[0-9@]' THEN ARRAY[false]
                ELSE ARRAY[true, false] END LOOP
            listed := format('SELECT r.patient_id, r.sort_name, r.search FROM patient_dentists r WHERE %s%s',
                ours, CASE WHEN after_rank IS DISTINCT FROM of_rank THEN '' ELSE format(
                    ' AND (r.sort_name, r.patient_id) > (%L, %L)', after_name, after_id) END);
            IF read_on THEN
                listed := format('SELECT * FROM (%s ORDER BY r.sort_name, r.patient_id LIMIT 1000) AS r WHERE %s',
                    listed, matches);
            ELSE
                listed := listed || ' AND ' || matches;
            END IF;
            FOR found IN EXECUTE format(
                '%s ORDER BY r.sort_name, r.patient_id LIMIT %s', listed, wanted)
            LOOP
                patient_id := found.patient_id;
                rank := of_rank;
                sort_name := found.sort_name;
                RETURN NEXT;
                wanted := wanted - 1;
                after_rank := of_rank;
                after_name := found.sort_name;
                after_id := found.patient_id;
            END LOOP;
            IF wanted <= 0 THEN
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
