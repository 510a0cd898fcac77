/* Follows, unfollows and the celebrity flip: one author, one user who follows and unfollows, one client on one gateway.
 *
 * The author's events go through the outbox to the user's FEED stream while the author is ordinary, and to CELEB while he
 * is a celebrity; the gateway reads both. Whatever happens in between: the feed tables end as the edge justifies;
 * a post accepted while the user did not follow is never shown; one accepted while he followed is seen; none comes twice
 * on a connection, none that was accepted while he followed is first seen live after a later one.
 *
 * POSTS=n EDGES=n FLIPS=n   how many posts, follows and unfollows in turn, flips
 * FOLLOWING, CELEBRITY      how it starts
 * PLAIN                     no envelopes: no snapshot; the client reads the page after each 101
 * RESUME                    envelopes; the client comes back with a cursor into both streams, within the window
 *
 * NEIGHBOUR                 another user of the gateway, who follows the author, joins at any time
 *
 * FAULT_GATEWAY=n           the gateway dies n times
 * FAULT_CRASH               the owner dies, another takes over
 * FAULT_PUBLISH             a publish is lost, or stored with its ack lost
 * FAULT_WIPE                CELEB is declared anew, or both streams
 * FAULT_PAUSE               the gateway stands still, or is cut off, for longer than the quiet before a flip
 *
 * WITHOUT_…                 a rule is taken away; the row of the table in `run` says which check must fail then
 */
#include "common.pml"

#ifndef POSTS
#define POSTS 2
#endif
#ifndef EDGES
#define EDGES 0
#endif
#ifndef FLIPS
#define FLIPS 0
#endif
#ifndef FAULT_GATEWAY
#define FAULT_GATEWAY 0
#endif
#define EVENTS (POSTS + EDGES + FLIPS)
#define STREAM_MAX 9

/* Kinds of events and messages; posts are their own numbers, 1 and up. */
#define FOLLOW 5
#define UNFOLLOW 6
#define FLIP 7 /* as a message: CELEBRITY or ORDINARY */

/* ---- PostgreSQL ---- */
byte kind[EVENTS], row[EVENTS], events; /* the author's outbox, in order of acceptance */
byte pending, committed;                /* so many of them, without the flip that waits */
bit flip_waits;
byte posts;                             /* accepted */
bit edge;                               /* the user follows the author */
bit celebrity;                          /* users.is_celebrity */
bit once_celebrity;                     /* celebrities: those of earlier days too */
bit item[POSTS + 1];                    /* feed_items of the user */
bit stored[POSTS + 1];                  /* celebrity_posts */
bit online;                             /* the user's presence, committed */

/* ---- JetStream ---- */
byte feed[STREAM_MAX], feed_head;
byte celeb[STREAM_MAX], celeb_head;
bit publish_failed, paused;

/* ---- the gateway ---- */
bit reading;           /* its reader of CELEB is up */
byte celeb_next;
bit celeb_gone;        /* CELEB was declared anew, the reader has yet to notice */
bit indexed, follows;  /* there is an index for the author; it holds this connection */
byte rereading;        /* 0 no, 1 asked PostgreSQL, 2 answered */
bit covered, answer;   /* the re-read is about this connection too; what it found */
bit registered;        /* FOLLOW, UNFOLLOW and flips find the connection */
bit reread_won;        /* a re-read covers the connection since it registered */
bit consumer;
byte feed_next;
bit attached;          /* joined: live messages are being sent */
bit lost;              /* the gateway knows that the connection may have missed something */
bit sent[POSTS + 1], carried[POSTS + 1];
bit die;

/* ---- the client ---- */
bit seen[POSTS + 1];
byte received[POSTS + 1];
bit has_cursor;
byte cursor_feed, cursor_celeb;

/* ---- what must and must not be seen ---- */
bit owed[POSTS + 1];      /* accepted under a follow that has held since */
bit forbidden[POSTS + 1]; /* accepted without one, and there has been none since */

#define each(p) for (p : 1 .. POSTS)

/* ================================ accept ================================ */

inline accept_event(what)
{
    kind[events] = what;
    row[events] = PENDING;
    if
    :: what == FLIP -> flip_waits = 1
    :: else -> pending++
    fi;
    events++
}

proctype Author()
{
    do
    :: d_step {
        posts < POSTS ->
        posts++;
        accept_event(posts);
        owed[posts] = edge;
        forbidden[posts] = !edge
       }
    :: posts == POSTS -> break
    od
}

proctype User()
{
    byte n, p;

    do
    :: d_step {
        n < EDGES ->
        n++;
        edge = !edge;
        if
        :: edge -> accept_event(FOLLOW); each(p) { forbidden[p] = 0 }
        :: else -> accept_event(UNFOLLOW); each(p) { owed[p] = 0 }
        fi;
        p = 0
       }
    :: n == EDGES -> break
    od
}

/* Whoever folds the counts: at most one flip waits. */
proctype Counts()
{
    byte n;

    do
    :: d_step { n < FLIPS && !flip_waits -> n++; accept_event(FLIP) }
    :: n == FLIPS -> break
    od
}

/* ================================ materialise ================================ */

#ifdef WITHOUT_BACKFILL_RULE
#define BACKFILLED(i) (!stored[kind[i]])
#else
#define BACKFILLED(i) (!stored[kind[i]] && row[i] != PENDING)
#endif

/* Handlers converge to the tables as they are. */
inline handle_event()
{
    if
    :: kind[e] == FOLLOW ->
        if
        :: edge -> /* backfill: but what is stored for celebrities, and what has its own event still to come */
            p = 0;
            for (i : 0 .. EVENTS - 1) {
                if
                :: i < events && kind[i] <= POSTS && BACKFILLED(i) -> item[kind[i]] = 1
                :: else
                fi
            }
        :: else
        fi
    :: kind[e] == UNFOLLOW ->
#ifndef WITHOUT_REMOVAL
        if
        :: !edge -> each(p) { item[p] = 0 }
        :: else
        fi
#else
        skip
#endif
    :: else ->
        if
        :: celebrity -> stored[kind[e]] = 1
        :: !celebrity && edge -> item[kind[e]] = 1
        :: else
        fi
    fi;
    row[e] = COMMITTED;
    pending--;
    committed++;
    e = 0; p = 0; i = 0
}

/* The first pending event that is no flip: EVENTS if there is none. */
inline find_pending()
{
    e = 0;
    do
    :: e < events && !(row[e] == PENDING && kind[e] != FLIP) -> e++
    :: else -> break
    od
}

#ifdef WITHOUT_FLIP_FIRST
#define IN_ORDER_OF_NUMBERS true
#else
#define IN_ORDER_OF_NUMBERS false
#endif

/* The event to tell: a flip before all others, whatever their numbers; else the first that is committed. */
inline find_committed()
{
    e = 0;
    do
    :: e < events && !(row[e] == COMMITTED && kind[e] == FLIP) -> e++
    :: else -> break
    od;
    if
    :: IN_ORDER_OF_NUMBERS || e == events ->
        e = 0;
        do
        :: e < events && row[e] != COMMITTED -> e++
        :: else -> break
        od
    :: else
    fi
}

inline store_message()
{
    if
    :: to_celeb ->
        assert(celeb_head < STREAM_MAX); /* too short */
        celeb[celeb_head] = kind[e];
        celeb_head++
    :: else ->
        assert(feed_head < STREAM_MAX); /* too short */
        feed[feed_head] = kind[e];
        feed_head++
    fi
}

inline tell_event()
{
    atomic {
        acked = 1;
        if /* the look-up */
        :: celebrity || kind[e] == FLIP -> to_celeb = 1
        :: else -> to_feed = online && (kind[e] > POSTS || edge)
        fi
#ifdef WITHOUT_FLIP_TOLD
        ;
        if
        :: kind[e] == FLIP -> to_celeb = 0
        :: else
        fi
#endif
#ifdef WITHOUT_EDGES_TOLD
        ;
        if
        :: kind[e] == FOLLOW || kind[e] == UNFOLLOW -> to_celeb = 0
        :: else
        fi
#endif
    }
    if
    :: d_step { to_celeb || to_feed -> store_message() }
#ifdef FAULT_PUBLISH
    :: d_step { (to_celeb || to_feed) && !publish_failed -> publish_failed = 1; acked = 0 }
    :: d_step { (to_celeb || to_feed) && !publish_failed -> publish_failed = 1; store_message(); acked = 0 }
#endif
    :: !to_celeb && !to_feed
    fi;
    d_step {
        if
        :: acked && lock == me && row[e] == COMMITTED -> row[e] = GONE; committed--
        :: else
        fi;
        e = 0; acked = 0; to_celeb = 0; to_feed = 0
    }
}

/* All that was acked has been read by whoever is connected: the time for which the author must have been quiet. */
#ifdef WITHOUT_QUIET
#define QUIET true
#else
#define QUIET \
    ((!consumer || feed_next == feed_head) && (!reading || (celeb_next == celeb_head && !rereading)))
#endif

/* Applied alone, in a transaction of its own, when nothing of the author is on its way. */
inline apply_flip()
{
    e = 0;
    do
    :: e < events && !(row[e] == PENDING && kind[e] == FLIP) -> e++
    :: else -> break
    od;
    celebrity = !celebrity;
    once_celebrity = 1;
    flip_waits = 0;
    row[e] = COMMITTED;
    committed++;
    e = 0
}

proctype Owner(byte me)
{
    byte e, p, i;
    bit acked, to_celeb, to_feed;

    {
        skip;
end_waiting:
        atomic { lock == NOBODY && (me == 0 || takeover) -> lock = me }
end_working:
        do
        :: atomic { /* step one, for one event or for all */
            lock == me && pending ->
            do
            :: d_step { pending -> find_pending(); handle_event() }
            :: true -> break
            od
           }
        :: atomic { lock == me && committed -> find_committed() }
            tell_event()
        :: d_step { lock == me && flip_waits && !committed && QUIET -> apply_flip() }
#ifdef FAULT_PAUSE
        :: d_step {
            lock == me && flip_waits && !committed && !QUIET && attached && !paused ->
            paused = 1;
            apply_flip();
#ifndef WITHOUT_PAUSE_CHECK
            lost = 1 /* awake again it looks at the clock before it sends anything */
#endif
           }
#endif
        od
    } unless { dead && me == 0 }
}

/* ================================ deliver ================================ */

inline appear(p)
{
    assert(!forbidden[p]); /* forbidden */
    seen[p] = 1
}

inline send_post(p, is_live)
{
    if
    :: sent[p]
    :: else ->
        received[p]++;
        assert(received[p] <= 1); /* doubled */
        each(r) {
            assert(!(is_live && owed[p] && r > p && seen[r] && !seen[p])) /* disordered */
        }
        r = 0;
        sent[p] = 1;
        appear(p)
    fi
}

inline cursor_moves_on(for_celeb)
{
#ifdef RESUME
    cursor_feed = feed_next;
    cursor_celeb = celeb_next + for_celeb;
    has_cursor = 1
#else
    skip
#endif
}

#define ON_PAGE(p) (edge && (item[p] || stored[p]))

/* ---- the reader of CELEB: one for the gateway ---- */

inline start_reread(everybody)
{
    rereading = 1;
    covered = registered;
    reread_won = reread_won || registered;
    if
    :: everybody -> indexed = 1
    :: else
    fi
}

/* PostgreSQL answers, the gateway takes the answer in: between the two the world goes on. */
proctype Rereads()
{
end_rereads:
    do
    :: d_step { rereading == 1 -> answer = edge; rereading = 2 }
    :: d_step {
        rereading == 2 ->
        if
        :: covered && registered -> follows = answer; indexed = indexed || answer
        :: else
        fi;
        rereading = 0; covered = 0; answer = 0
       }
    od
}

#ifdef WITHOUT_HOLD
#define HELD false
#else
#define HELD rereading
#endif

/* Posts wait in the connection's queue while it joins. */
#define JOINING (registered && !attached)
#define IS_POST (celeb[celeb_next] <= POSTS)

proctype Reader()
{
    byte r;

end_reader:
    do
    :: d_step { /* a gateway starts with it: the window is in its ring before anybody joins */
        !reading && !celeb_gone ->
        reading = 1;
#ifdef WITHOUT_WINDOW_FIRST
        celeb_next = 0
#else
        celeb_next = celeb_head
#endif
       }
    :: atomic { /* declared anew: nobody's index or connection can be trusted */
        reading && celeb_gone ->
        celeb_gone = 0;
        celeb_next = 0;
#ifndef WITHOUT_REATTACH
        indexed = 0; follows = 0;
        lost = registered
#endif
       }
    :: d_step {
        reading && !celeb_gone && !lost && !HELD && celeb_next < celeb_head && IS_POST && !JOINING ->
        if
        :: !indexed -> start_reread(1) /* and then again */
        :: else ->
            if
            :: follows && attached -> send_post(celeb[celeb_next], 1); cursor_moves_on(1)
            :: else
            fi;
            celeb_next++
        fi
       }
    :: d_step {
        reading && !celeb_gone && !lost && !HELD && celeb_next < celeb_head && !IS_POST ->
        if
        :: celeb[celeb_next] == FLIP -> start_reread(1)
        :: celeb[celeb_next] != FLIP && registered -> start_reread(0)
        :: else
        fi;
        celeb_next++
       }
    od
}

#ifdef NEIGHBOUR
/* Another connection of the same gateway, whose user follows the author. It makes an index which does not hold ours. */
proctype Neighbour()
{
end_neighbour:
    atomic { reading && celebrity -> indexed = 1 }
}
#endif

/* ---- the connection ---- */

inline register()
{
    registered = 1;
    reread_won = 0
}

inline read_edges()
{
#ifdef WITHOUT_OLD_CELEBRITIES
    read_says = edge && celebrity;
#else
    read_says = edge && once_celebrity;
#endif
}

/* The join's own read of the edges is answered. A re-read on behalf of a later message may have overtaken it: its answer
 * counts, and the join waits for it. */
#ifdef WITHOUT_JOIN_WAIT
#define ANSWERED true
#else
#define ANSWERED (!covered)
#endif

inline take_edges()
{
    if
#ifndef WITHOUT_JOIN_RULE
    :: reread_won
#endif
    :: else ->
        if
        :: read_says -> follows = 1; indexed = 1
        :: else
        fi
    fi
}

inline read_page()
{
    atomic {
        each(q) {
            if
            :: ON_PAGE(q) -> appear(q)
            :: else
            fi
        }
        q = 0
    }
}

inline send_carried(is_live)
{
    d_step {
        each(q) {
            if
            :: carried[q] -> send_post(q, is_live)
            :: else
            fi;
            carried[q] = 0
        }
        q = 0
    }
}

inline send_snapshot()
{
    d_step {
        each(q) {
            seen[q] = 0; /* `reset`: forget what you show */
            carried[q] = ON_PAGE(q)
        }
        q = 0
    }
    send_carried(0);
    d_step { cursor_moves_on(0) }
}

#ifdef RESUME
/* Both streams from the cursor on, read to the head, in the order of the posts. */
inline replay()
{
    d_step {
        n = cursor_feed;
        do
        :: n < feed_head ->
            if
            :: feed[n] <= POSTS -> carried[feed[n]] = 1
#ifndef WITHOUT_OVERTAKING
            :: feed[n] == UNFOLLOW && !edge -> each(q) { carried[q] = 0 }
#endif
            :: else
            fi;
            n++
        :: else -> break
        od;
        feed_next = feed_head;
        q = 0; n = 0
    }
#ifdef WITHOUT_SORT
    send_carried(1);
#endif
    d_step {
        n = cursor_celeb;
        do
        :: n < celeb_next ->
            if
            :: celeb[n] <= POSTS && follows -> carried[celeb[n]] = 1
            :: else
            fi;
            n++
        :: else -> break
        od;
        n = 0
    }
    send_carried(1);
    d_step { cursor_moves_on(0) }
}
#endif

inline forget_connection()
{
    registered = 0; consumer = 0; feed_next = 0; attached = 0; lost = 0; follows = 0; reread_won = 0; covered = 0;
    each(q) { sent[q] = 0; received[q] = 0; carried[q] = 0 }
    q = 0; n = 0; read_says = 0
}

proctype Connection()
{
    byte q, r, n;
    bit read_says;

    do
    :: {
#ifndef WITHOUT_READER_FIRST
        reading;
#else
        skip;
#endif
#ifdef WITHOUT_REGISTRATION_FIRST
        d_step { read_edges() }
#endif
        d_step {
            online = 1; /* (a); after it, and after everybody can find the connection, everything else */
            register();
            if /* nothing is on its way to one who does not follow: nothing may come */
            :: !edge && !pending && !committed -> each(q) { forbidden[q] = 1 }
            :: else
            fi;
            q = 0
        }
        d_step {
            consumer = 1;
            if
            :: has_cursor -> feed_next = cursor_feed
            :: else -> feed_next = feed_head
            fi
        }
#ifndef WITHOUT_REGISTRATION_FIRST
        d_step { read_edges() }
#endif
        d_step { ANSWERED -> take_edges() }
#ifdef PLAIN
        read_page();
#else
#ifdef RESUME
        if
        :: has_cursor -> replay()
        :: else -> send_snapshot()
        fi;
#else
        send_snapshot();
#endif
#endif
        atomic { attached = 1 }

end_live:
        do
        :: d_step {
            consumer && !lost && feed_next < feed_head ->
            if
            :: feed[feed_next] <= POSTS -> send_post(feed[feed_next], 1)
            :: else
            fi;
            feed_next++;
            cursor_moves_on(0)
           }
        :: lost || !consumer -> break
        od;
        atomic {
            has_cursor = 0;
            forget_connection()
        }
        } unless { die };
        atomic {
            if
            :: die ->
                die = 0;
                forget_connection();
                reading = 0; celeb_next = 0; celeb_gone = 0; indexed = 0; rereading = 0; answer = 0
            :: else
            fi
        }
    od
}

/* ================================ faults ================================ */

proctype Faults()
{
    byte deaths;
    bit wiped;

end_faults:
    do
    :: atomic { deaths < FAULT_GATEWAY && !die -> deaths++; die = 1 }
#ifdef FAULT_CRASH
    :: atomic { !takeover && lock == 0 -> takeover = 1; dead = 1; lock = NOBODY }
#endif
#ifdef FAULT_WIPE
    :: d_step {
        !wiped ->
        wiped = 1;
        celeb_head = 0;
        celeb_gone = reading
       }
    :: d_step {
        !wiped ->
        wiped = 1;
        celeb_head = 0;
        celeb_gone = reading;
        feed_head = 0;
        consumer = 0
       }
#endif
    :: false
    od
}

proctype AtRest()
{
    byte p;

    timeout ->
    d_step {
        assert(attached && !lost);                   /* unattached */
        assert(!pending && !committed && !flip_waits); /* unfinished */
        each(p) {
            assert(!edge || item[p] || stored[p]); /* unfed */
            assert(edge || !item[p]);              /* unjustified */
            assert(!(item[p] && stored[p]));       /* stored twice */
            assert(!owed[p] || seen[p])            /* unseen */
        }
    }
}

init
{
    atomic {
#ifdef FOLLOWING
        edge = 1;
#endif
#ifdef CELEBRITY
        celebrity = 1;
        once_celebrity = 1;
#endif
        run Author();
        run User();
        run Counts();
        run Owner(0);
#ifdef FAULT_CRASH
        run Owner(1);
#endif
        run Rereads();
        run Reader();
#ifdef NEIGHBOUR
        run Neighbour();
#endif
        run Connection();
        run Faults();
        run AtRest()
    }
}
