-- params: bigint author_id, smallint partition
-- result: none
COPY import_partitions (author_id, partition) FROM STDIN (FORMAT binary)
