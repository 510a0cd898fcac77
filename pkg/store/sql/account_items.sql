-- params: bigint author_id, bigint[] follower_ids
-- result: none
-- Items that a follow at the moment of the account's end brought in after its posts were deleted.
DELETE FROM feed_items
 WHERE user_id = ANY ($2::bigint[])
   AND post_id IN (SELECT p.id FROM posts p WHERE p.author_id = $1)
