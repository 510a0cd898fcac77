-- params: none
-- result: none
-- The tag tells what happened: a transaction in which a statement had failed answers ROLLBACK.
COMMIT
