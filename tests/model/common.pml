/* What the models share: the states of an outbox row, owners, presence and its clock. Included after the model's own
 * defines. */

#define NOBODY 9

/* ---- outbox rows ---- */
#define ABSENT 0    /* not accepted yet */
#define PENDING 1   /* accepted: in the transaction that answered 200 */
#define COMMITTED 2 /* the feed tables hold it; perhaps told */
#define GONE 3      /* every publish acked */

/* The holder of the partition's advisory lock. Data transactions run on the session that holds it. */
byte lock = NOBODY;
bit takeover; /* the first owner crashed or lost its session: another may come */
bit dead;     /* it crashed; otherwise it is a former owner that may wake up in the middle of a step */

/* ---- presence: the row online(user) as the database's clock sees it ---- */
#define OVER 0   /* no row, or its `until` and the grace have passed */
#define LISTED 1 /* now < until */
#define GRACE 2  /* until has passed, the grace has not */
byte presence = OVER;

byte since;      /* the row's `since`: how often it was broken */

/* An upsert reads the clock when it starts and is seen when it commits; the row's lock keeps two apart. */
#define IDLE 9
byte upserting = IDLE; /* as what it found the row */

#ifdef WITHOUT_STRICT_UPSERT /* the upsert takes a row for unbroken as long as look-ups count it */
#define UNBROKEN (upserting != OVER)
#else
#define UNBROKEN (upserting == LISTED)
#endif

#ifdef WITHOUT_GRACE /* look-ups count a row to its `until` and no longer */
#define COUNTED (presence == LISTED)
#else
#define COUNTED (presence != OVER)
#endif

#define start_upsert() upserting == IDLE -> upserting = presence

inline finish_upsert()
{
    if
    :: !UNBROKEN -> since++
    :: else
    fi;
    presence = LISTED;
    upserting = IDLE
}

/* Time passes. The grace is longer than any upsert may take. */
#define TIME_MAY_PASS (presence == LISTED || (presence == GRACE && upserting != LISTED))
inline let_time_pass()
{
    if
    :: presence == LISTED -> presence = GRACE
    :: else -> presence = OVER
    fi
}
