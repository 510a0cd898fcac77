/* The hand-over from page to live: one author, one user who follows, two posts, one client.
 *
 * The author's posts go through the outbox, an owner and the user's FEED stream to the gateway; the client reads what
 * the gateway sends and, when it has no envelopes (PLAIN), the page. Whatever fails, the client has seen both
 * posts when everything has come to rest, in order, none twice on one connection.
 *
 * PLAIN                the client has no envelopes: no cursor, no snapshot; it reads the page after each 101
 *
 * FENCED               a former owner that wakes up publishes nothing
 *
 * FAULT_GATEWAY=n      the gateway dies n times
 * FAULT_CRASH          the owner dies, another takes over
 * FAULT_STALL          the owner loses its session and goes on later, another takes over
 * FAULT_PUBLISH        a publish is lost, or stored with its ack lost
 * FAULT_WIPE           the stream is declared anew, its messages and consumers are gone
 * FAULT_TRIM           the stream drops its oldest messages
 * FAULT_EXPIRE         presence ends while the client is away
 * FAULT_RENEWAL        presence ends while the client is connected: it could not be renewed
 *
 * WITHOUT_…            a rule is taken away; the row of the table in `run` says which check must fail then
 */
#include "common.pml"

#define POSTS 2
#define STREAM_MAX 8

#ifndef FAULT_GATEWAY
#define FAULT_GATEWAY 0
#endif

/* ---- PostgreSQL ---- */
byte row[POSTS + 1]; /* outbox, by post */
bit item[POSTS + 1];
bit known_listed[POSTS + 1]; /* WITHOUT_LATE_LOOKUP only: what the look-up said */

bit publish_failed;

/* ---- the stream that holds feed.<user> ---- */
byte feed[STREAM_MAX];
byte head;  /* sequence of the next message */
byte first; /* of the oldest that is kept */
byte epoch; /* the stream's creation time */

/* ---- the gateway's end of the connection ---- */
bit attached;      /* live messages are being sent */
bit consumer;      /* the ephemeral consumer exists */
byte next;         /* sequence that it delivers next */
byte made_under;   /* epoch under which it was created */
bit sent[POSTS + 1]; /* the ring of sent ids */
bit carried[POSTS + 1]; /* by a snapshot or a replay, to be sent */
bit resumed;

/* ---- the client ---- */
bit seen[POSTS + 1];
byte received[POSTS + 1]; /* on this connection */
bit has_cursor;
byte cursor_at, cursor_epoch;
byte cursor_since; /* the `since` that was known when it was issued */

bit here;           /* the gateway renews presence for it */
byte known_since;   /* as the gateway's last upsert returned it to the connection */
bit presence_broke; /* a renewal found another `since` */
bit die;            /* the gateway's end has come */

/* ================================ accept ================================ */

proctype Author()
{
    byte p = 1;

    do
    :: p <= POSTS -> row[p] = PENDING; p++
    :: else -> break
    od
}

/* ================================ materialise ================================ */

inline store_message(p)
{
    assert(head < STREAM_MAX); /* too short */
    feed[head] = p;
    head++
}

#ifdef WITHOUT_ROW_STATE
/* The event goes with its items, the rest is in the owner's memory. */
#define commit(p) item[p] = 1; row[p] = GONE; owed[p] = 1
#else
#define commit(p) item[p] = 1; row[p] = COMMITTED
#endif

/* Step one: a transaction on the session with the lock, for one event or for all that wait, in order. */
inline commit_events()
{
    if
    :: row[1] == PENDING ->
        commit(1);
        if
        :: row[2] == PENDING -> commit(2)
        :: true
        fi
    :: row[1] != PENDING && row[2] == PENDING -> commit(2)
    :: else
    fi
}

#ifdef WITHOUT_ROW_STATE
#define OWED(q) owed[q]
#define DONE(q) (row[q] == GONE && !owed[q])
#else
#define OWED(q) (row[q] == COMMITTED)
#define DONE(q) (row[q] == GONE)
#endif

#ifdef WITHOUT_ORDER
#define MAY_TELL(q) OWED(q)
#else
#define MAY_TELL(q) (OWED(q) && (q == 1 || DONE(1)))
#endif

#ifdef FENCED
#define MAY_PUBLISH (lock == me)
#else
#define MAY_PUBLISH true
#endif

/* Step two: who is online, publish to them, take the row away when all is acked. */
inline tell_event()
{
#ifdef WITHOUT_LATE_LOOKUP
    listed = known_listed[p];
#else
    listed = COUNTED;
#endif
    acked = 1;
    if
    :: listed ->
        if
        :: atomic { MAY_PUBLISH -> store_message(p) }
        :: atomic { !MAY_PUBLISH -> acked = 0 }
#ifdef FAULT_PUBLISH
        :: atomic { !publish_failed -> publish_failed = 1; acked = 0 }
        :: atomic { !publish_failed && MAY_PUBLISH -> publish_failed = 1; store_message(p); acked = 0 }
#endif
        fi
    :: else
    fi;
#ifdef WITHOUT_ACK
    acked = 1;
#endif
    d_step {
        if
#ifdef WITHOUT_ROW_STATE
        :: acked -> owed[p] = 0
#else
        :: acked && lock == me -> row[p] = GONE
#endif
        :: else
        fi;
        p = 0; listed = 0; acked = 0
    }
}

proctype Owner(byte me)
{
    byte p;
    bit listed, acked;
#ifdef WITHOUT_ROW_STATE
    bit owed[POSTS + 1];
#endif

    {
        skip;
end_waiting:
        atomic { lock == NOBODY && (me == 0 || takeover) -> lock = me }
end_working:
        do
#ifdef WITHOUT_LATE_LOOKUP
        :: d_step {
            lock == me && (row[1] == PENDING || row[2] == PENDING) ->
            known_listed[1] = COUNTED;
            known_listed[2] = COUNTED }
           atomic { if :: lock == me -> commit_events() :: else fi }
#else
        :: atomic { lock == me && (row[1] == PENDING || row[2] == PENDING) -> commit_events() }
#endif
        :: atomic { lock == me && MAY_TELL(1) -> p = 1 } tell_event()
        :: atomic { lock == me && MAY_TELL(2) -> p = 2 } tell_event()
        od
    } unless { dead && me == 0 }
}

/* ================================ deliver ================================ */

inline send_post(p, is_live)
{
    d_step {
        if
#ifndef WITHOUT_RING
        :: sent[p]
#endif
        :: else ->
            received[p]++;
            assert(received[p] <= 1); /* doubled */
            assert(!(is_live && p == 1 && seen[2] && !seen[1])); /* disordered */
            sent[p] = 1;
            seen[p] = 1
        fi
    }
}

inline give_cursor()
{
    cursor_at = next;
#ifdef WITHOUT_EPOCH_STAMP
    cursor_epoch = epoch; /* whatever it is now */
#else
    cursor_epoch = made_under;
#endif
#ifdef WITHOUT_CONFIRMED_ISSUE
    cursor_since = since; /* issued now, whatever the next renewal will find */
#else
    cursor_since = known_since; /* issued when presence was last seen unbroken */
#endif
    has_cursor = 1
}

/* (a) */
inline announce()
{
    atomic { start_upsert(); mine = 1 }
    d_step {
        finish_upsert();
        mine = 0;
        known_since = since;
        here = 1
    }
}

#ifdef WITHOUT_SINCE
#define PRESENCE_HELD 1
#else
#define PRESENCE_HELD (cursor_since == known_since)
#endif
#ifdef WITHOUT_EPOCH
#define EPOCH_IS_CURSORS 1
#else
#define EPOCH_IS_CURSORS (cursor_epoch == made_under)
#endif
#ifdef WITHOUT_FIRST
#define REACHES_CURSOR (cursor_at <= head)
#else
#define REACHES_CURSOR (cursor_at >= first && cursor_at <= head)
#endif

/* (b) Asks for the stream's epoch and bounds, then for the consumer, then for the epoch again. */
inline create_consumer()
{
    do
    :: d_step {
        made_under = epoch;
        resumed = has_cursor && PRESENCE_HELD && EPOCH_IS_CURSORS && REACHES_CURSOR
       }
       d_step {
        consumer = 1;
        if
        :: resumed -> next = cursor_at /* beyond the head it silently waits for that sequence */
        :: else -> next = head
        fi
       }
#ifdef WITHOUT_EPOCH_AFTER
       break
#else
       if
       :: made_under == epoch -> break
       :: else /* declared anew meanwhile */
       fi
#endif
    od
}

#ifdef WITHOUT_RECHECK
#define STILL_EXACT true
#else
#define STILL_EXACT (cursor_at >= first && consumer)
#endif

/* Reads to the head before anything is sent; what has been dropped the consumer skips without a word. */
inline replay()
{
    d_step {
        carried[1] = 0;
        carried[2] = 0;
        do
        :: consumer && next < head ->
            if
            :: next < first -> next = first
            :: else -> carried[feed[next]] = 1; next++
            fi
        :: else -> break
        od;
        q = 0
    }
    if
    :: STILL_EXACT
    :: else -> resumed = 0
    fi;
    if
    :: atomic { resumed -> q = 1 }
        do
        :: q <= POSTS && carried[q] -> send_post(q, 1); q++
        :: q <= POSTS && !carried[q] -> q++
        :: else -> break
        od;
        atomic { give_cursor(); q = 0; carried[1] = 0; carried[2] = 0 }
    :: else
    fi
}

/* (c) and (d): forget what you show; the newest page; its end with a cursor. */
inline send_snapshot()
{
#ifdef WITHOUT_SNAPSHOT_FIRST
    d_step { give_cursor() }
#else
    has_cursor = 0;
#endif
    d_step {
        seen[1] = 0;
        seen[2] = 0;
        carried[1] = item[1];
        carried[2] = item[2]
    }
    if
    :: carried[1] -> send_post(1, 0)
    :: else
    fi;
    if
    :: carried[2] -> send_post(2, 0)
    :: else
    fi;
    d_step {
        give_cursor();
        carried[1] = 0;
        carried[2] = 0
    }
}

inline read_page()
{
    atomic {
        seen[1] = seen[1] || item[1];
        seen[2] = seen[2] || item[2]
    }
}

inline forget_connection()
{
    attached = 0; consumer = 0; next = 0; made_under = 0; resumed = 0;
    sent[1] = 0; sent[2] = 0; received[1] = 0; received[2] = 0;
    carried[1] = 0; carried[2] = 0;
    known_since = 0; presence_broke = 0; q = 0;
    if
    :: mine -> upserting = IDLE; mine = 0
    :: else
    fi
}

proctype Connection()
{
    byte q;
    bit mine; /* the upsert that is under way */

    do
    :: {
        skip;
#if defined(PLAIN) && defined(WITHOUT_LATE_101)
        read_page(); /* the upgrade was answered first */
#endif
#ifndef WITHOUT_PRESENCE_FIRST
        announce();
#endif
        create_consumer();
#ifdef PLAIN
#ifndef WITHOUT_LATE_101
        read_page();
#endif
#else
        if
        :: resumed -> replay()
        :: else
        fi;
        if
        :: !resumed -> send_snapshot()
        :: else
        fi;
#endif
#ifdef WITHOUT_PRESENCE_FIRST
        announce();
#endif
        atomic {
            attached = 1;
            resumed = 0
        }

end_live:
        do
        :: atomic { consumer && next < head && next >= first -> q = feed[next]; next++ }
            send_post(q, 1);
            d_step {
#ifndef PLAIN
                give_cursor();
#endif
                q = 0
            }

        :: consumer && next < first -> /* its backlog has reached what the stream keeps */
#ifdef WITHOUT_GAP_CHECK
            next = first
#else
            break
#endif

        :: !consumer -> /* the stream was declared anew */
#ifdef WITHOUT_REATTACH
            d_step {
                next = head;
                made_under = epoch;
                consumer = 1
            }
#else
            break
#endif

#ifndef WITHOUT_RENEWAL_CHECK
        :: presence_broke -> break
#endif
        od;
        /* Not exact any more. With envelopes: `reset` and everything from (a) on, over the same socket. A plain connection
         * is closed with 4004, and the client comes again. */
        atomic {
            has_cursor = 0;
            forget_connection()
        }
        } unless { die };
        atomic {
            if
            :: die ->
                die = 0;
                here = 0;
                forget_connection()
            :: else
            fi
        }
    od
}

#ifdef FAULT_RENEWAL
/* The gateway's bulk renewal. What it found reaches the connection later. */
proctype Renewal()
{
end_renewal:
    do
    :: atomic { here && presence != LISTED -> start_upsert() }
       d_step { finish_upsert() }
       d_step {
        if
        :: here && known_since != since -> presence_broke = 1
        :: else
        fi
       }
    od
}
#endif

/* ================================ faults ================================ */

proctype Faults()
{
    byte deaths;
    bit wiped, trimmed, unrenewed;

end_faults:
    do
    :: atomic { deaths < FAULT_GATEWAY && !die -> deaths++; die = 1 }
#ifdef FAULT_CRASH
    :: atomic { !takeover && lock == 0 -> takeover = 1; dead = 1; lock = NOBODY }
#endif
#ifdef FAULT_STALL
    :: atomic { !takeover && lock == 0 -> takeover = 1; lock = NOBODY }
#endif
#ifdef FAULT_WIPE
    :: d_step {
        !wiped ->
        wiped = 1;
        epoch++;
        head = 0;
        first = 0;
        consumer = 0;
        feed[0] = 0; feed[1] = 0; feed[2] = 0; feed[3] = 0
       }
#endif
#ifdef FAULT_TRIM
    :: atomic { !trimmed && first < head -> trimmed = 1; first = head }
#endif
#ifdef FAULT_EXPIRE
    :: atomic { !here && TIME_MAY_PASS -> let_time_pass() }
#endif
#ifdef FAULT_RENEWAL
    :: atomic { here && !unrenewed && presence == LISTED -> unrenewed = 1; let_time_pass() }
    :: atomic { here && presence == GRACE && TIME_MAY_PASS -> let_time_pass() }
#endif
    :: false
    od
}

proctype AtRest()
{
    timeout ->
    assert(attached);                           /* unattached */
    assert(row[1] == GONE && row[2] == GONE);   /* unfinished */
    assert(item[1] && item[2]);                 /* unfed */
    assert(seen[1] && seen[2])                  /* unseen */
}

init
{
    atomic {
        run Author();
        run Owner(0);
#if defined(FAULT_CRASH) || defined(FAULT_STALL)
        run Owner(1);
#endif
        run Connection();
#ifdef FAULT_RENEWAL
        run Renewal();
#endif
        run Faults();
        run AtRest()
    }
}
