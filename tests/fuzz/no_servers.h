/* What stands in for the servers: see no_servers.c. One thread. */
#ifndef FR_TESTS_NO_SERVERS_H
#define FR_TESTS_NO_SERVERS_H

enum no_servers_database {
    NO_SERVERS_AWAY,  /* every statement fails */
    NO_SERVERS_EMPTY, /* every statement finds no rows */
};

/* From the next statement on. */
void no_servers_set_database(enum no_servers_database now);

#endif
