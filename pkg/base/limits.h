/* Every maximum of the system that is not a setting. Sizes in bytes, times in milliseconds unless the name
 * says otherwise. What happens at a limit is said beside it. */
#ifndef FR_BASE_LIMITS_H
#define FR_BASE_LIMITS_H

/* What people send; past it: 400 naming the field. */
#define FR_POST_TEXT_MAX 4096
#define FR_NAME_MAX 128
#define FR_CITY_MAX 128
#define FR_BIOGRAPHY_MAX 4096
#define FR_PASSWORD_MIN 8
#define FR_PASSWORD_MAX 128
#define FR_FOLLOWS_MAX 10000
#define FR_PAGE_LIMIT_MAX 100 /* a larger limit means this one */
#define FR_PAGE_LIMIT_DEFAULT 10
#define FR_PAGE_OFFSET_MAX 10000
#define FR_SEARCH_RESULTS_MAX 100
#define FR_REQUEST_ID_MAX 64

/* Past it: 413. */
#define FR_REQUEST_BODY_MAX (64 * 1024)
#define FR_RESPONSE_BODY_MAX (2 * 1024 * 1024)

/* Authors are sliced into this many partitions for post events, users into this many for the live feed; the
 * NATS server's subject mapping and the streams are made from the same numbers. */
#define FR_AUTHOR_PARTITIONS 16
#define FR_FEED_PARTITIONS 64
/* Live messages of one user that a stream keeps. A connection that has fallen so far behind may have lost
 * some: it is told so and ended (delivery, FR_SUBSCRIBER_GAP). */
#define FR_FEED_BACKLOG_MAX 1024

/* New posts that wait in an event loop for the transaction before theirs; past it 503. What one transaction
 * takes of them, beside --post-batch: the rest goes with the next. */
#define FR_POSTS_WAITING_MAX 4096
#define FR_POST_BATCH_BYTES_MAX (128 * 1024)

#define FR_BACKFILL_POSTS 100 /* newest posts of an author that a new follower gets */
/* One post in so many, by the hash of its id, leaves a row in feed_grown for each feed that it comes into. */
#define FR_FEED_GROWTH_SAMPLE 64
#define FR_BATCH_EVENTS_MAX 500
/* An author with so many followers, in percent of the celebrity threshold, or more, stays a celebrity. */
#define FR_CELEBRITY_STAYS_PERCENT 90
/* Presence rows count for so long after their end: no look-up may miss a row that an upsert found unbroken.
 */
#define FR_PRESENCE_GRACE_MS 30000
/* Flips that a worker has in view, and how many times celebrity-quiet an author may go on posting before the
 * author's later events are held back for one. */
#define FR_FLIPS_MAX 64
#define FR_FLIP_PATIENCE 6
#define FR_EVENT_TRIES_MAX 5 /* then the event is dead, with its reason */
#define FR_EVENT_BYTES_MAX (16 * 1024)

/* One transaction of the pipelined store; past it FR_FULL. */
#define FR_STORE_STATEMENTS_MAX 16
#define FR_STORE_GROUP_BYTES_MAX (256 * 1024)

/* Posts of a snapshot: what `snapshot=` may ask for, and what nobody asked for. */
#define FR_SNAPSHOT_MAX 100
#define FR_SNAPSHOT_DEFAULT 20
/* Messages of celebrities that an event loop keeps for those who resume, and their bytes; the oldest go. A
 * cursor that is older than what is left gets a reset. */
#define FR_CELEBRITY_RING_MAX 16384
#define FR_CELEBRITY_RING_BYTES (64 * 1024 * 1024)
/* Messages that may wait for a connection while it resumes, or its page is read. Past it all begins anew; the
 * second time it is given up. */
#define FR_ATTACH_QUEUE_MAX (2 * FR_FEED_BACKLOG_MAX)
/* Pages for snapshots that an event loop reads at once; the rest wait in order. */
#define FR_SNAPSHOT_READS_MAX 8
#define FR_TICKET_TTL_MS 60000
/* The longest lifetime of a token (token-ttl). */
#define FR_TOKEN_TTL_MAX_MS 2592000000
/* Revoked tokens, and as many users again, that a gateway keeps one by one; see auth/revocations.h. Some 64
 * MB for each million. */
#define FR_REVOCATIONS_MAX 1000000
#define FR_IDEMPOTENCY_KEY_MAX 64
#define FR_USERS_BY_ID_MAX 100 /* GET /users?ids= */

/* Files of --web-dir, their gzip variants counted as files of their own; past it the gateway does not start.
 */
#define FR_WEB_FILES_MAX 256
#define FR_WEB_FILE_BYTES_MAX FR_RESPONSE_BODY_MAX
#define FR_WEB_BYTES_MAX (16 * 1024 * 1024)
#define FR_WEB_NAME_MAX 128
#define FR_ADMIN_TOKEN_MIN 16 /* bytes; a shorter one is refused at the start */

/* Who reads the first page so often within so long gets it kept ready; and no longer when it was not asked
 * for this long, unless a live connection brings the posts anyway. */
#define FR_HOT_READS 32
#define FR_HOT_READS_MS 10000
#define FR_HOT_IDLE_MS 60000

/* Ids sent to a connection that are remembered, so that none is sent twice. */
#define FR_SENT_RING 128
/* What a client may say on a live connection: a token in an envelope. Past it: closed with 1009. */
#define FR_LIVE_MESSAGE_MAX 4096

#endif
