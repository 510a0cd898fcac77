#include "http/rate_limits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "http/http_loop.h"
#include "metrics/metrics.h"

enum { SECOND_NS = 1000000000 };

/* What is counted, each in buckets of its own. */
enum key_kind {
    KEY_USER,
    KEY_ADDRESS,
    KEY_LOGIN_PAIR,
    KEY_LOGIN_ACCOUNT,
    KEY_LOGIN_ADDRESS,
    KEY_LOGIN_KNOWN
};

struct fr_limits {
    struct fr_rate_policy user, address;
    struct fr_bucket_rule login, login_address;
    struct fr_rate_table *requests; /* by user and by address */
    struct fr_rate_table *failures; /* wrong passwords */
    struct fr_rate_table *known;    /* marks: this account signed in from this address */
};

static int64_t seconds_of(int64_t ns)
{
    return (ns + SECOND_NS - 1) / SECOND_NS;
}

static void set_policy(struct fr_rate_policy *policy, const char *name, int64_t rate, int64_t burst)
{
    policy->name = name;
    policy->rule = fr_bucket_rule_of(rate, 1000, burst);
    policy->header_len =
        (size_t)snprintf(policy->header, sizeof policy->header, "\"%s\";q=%lld;w=%lld", name,
                         (long long)burst, (long long)seconds_of(burst * policy->rule.interval_ns));
}

struct fr_limits *fr_limits_new(const struct fr_settings *settings)
{
    if (!settings->rate_limits)
        return NULL;
    struct fr_limits *limits = FR_NEW(struct fr_limits);
    set_policy(&limits->user, "user", settings->rate_user, settings->rate_user_burst);
    set_policy(&limits->address, "address", settings->rate_address, settings->rate_address_burst);
    limits->login =
        fr_bucket_rule_of(settings->login_failures, settings->login_window, settings->login_failures);
    limits->login_address = fr_bucket_rule_of(settings->login_failures_address, settings->login_window,
                                              settings->login_failures_address);
    limits->requests = fr_rate_table_new(RATE_BUCKETS);
    limits->failures = fr_rate_table_new(RATE_BUCKETS);
    limits->known = fr_rate_table_new(RATE_BUCKETS);
    return limits;
}

void fr_limits_free(struct fr_limits *limits)
{
    if (limits == NULL)
        return;
    fr_rate_table_free(limits->requests);
    fr_rate_table_free(limits->failures);
    fr_rate_table_free(limits->known);
    free(limits);
}

static void count(enum fr_limited_request why)
{
    fr_metric_add_by(FR_METRIC_REQUESTS_LIMITED, (int)why, 1);
}

/* ---- requests ---- */

bool fr_limits_take(struct fr_call *call)
{
    struct fr_limits *limits = call->home->server->limits;
    if (limits == NULL)
        return true;
    int64_t user_id = fr_call_user_id(call), price = 1;
    if (call->route != NULL && (call->route->flags & FR_ROUTE_PASSWORD) != 0)
        price = RATE_PASSWORD_PRICE;
    const struct fr_rate_policy *policy = user_id != 0 ? &limits->user : &limits->address;
    struct fr_client_address site = fr_client_address_site(&call->client);
    uint64_t key = user_id != 0 ? fr_rate_key(limits->requests, KEY_USER, user_id, NULL, 0)
                                : fr_rate_key(limits->requests, KEY_ADDRESS, 0, &site, sizeof site);
    struct fr_bucket_state state =
        fr_rate_take(limits->requests, key, &policy->rule, price, fr_clock_monotonic_ns());
    call->limits.policy = policy;
    call->limits.remaining = state.remaining;
    call->limits.reset_s = seconds_of(state.allowed ? state.full_ns : state.retry_ns);
    if (state.allowed)
        return true;
    call->limits.retry_after_s = call->limits.reset_s;
    count(user_id != 0 ? FR_LIMITED_USER : FR_LIMITED_ADDRESS);
    fr_call_problem(call, FR_PROBLEM_RATE_LIMITED, NULL, NULL);
    return false;
}

/* ---- passwords ----
 *
 * Three buckets, each of wrong passwords: of the account from this address, of the account from anywhere, of
 * the address for any account. The second alone would let anybody keep anybody out by guessing wrongly on and
 * on: so it does not count for an address from which the account signed in before.
 *
 * A try is paid for before the password is looked at, so that a hundred at once are a hundred, and given back
 * when it was right or could not be looked at. */

struct login {
    struct fr_limits *limits;
    uint64_t pair, account, address;
    bool known;
};

static struct login login_of(const struct fr_call *call, int64_t account_id)
{
    struct fr_limits *limits = call->home->server->limits;
    struct fr_client_address site = fr_client_address_site(&call->client);
    uint64_t known = fr_rate_key(limits->known, KEY_LOGIN_KNOWN, account_id, &site, sizeof site);
    return (struct login){
        .limits = limits,
        .pair = fr_rate_key(limits->failures, KEY_LOGIN_PAIR, account_id, &site, sizeof site),
        .account = fr_rate_key(limits->failures, KEY_LOGIN_ACCOUNT, account_id, NULL, 0),
        .address = fr_rate_key(limits->failures, KEY_LOGIN_ADDRESS, 0, &site, sizeof site),
        .known = fr_rate_is_marked(limits->known, known, fr_clock_monotonic_ns()),
    };
}

static bool refuse_login(struct fr_call *call, const struct fr_bucket_state *state,
                         enum fr_limited_request why)
{
    count(why);
    call->limits.retry_after_s = seconds_of(state->retry_ns);
    fr_call_problem(call, FR_PROBLEM_LOGIN_LIMITED, NULL, NULL);
    return false;
}

bool fr_call_login_begins(struct fr_call *call, int64_t account_id)
{
    if (call->home->server->limits == NULL)
        return true;
    struct login login = login_of(call, account_id);
    struct fr_limits *limits = login.limits;
    struct fr_rate_table *failures = limits->failures;
    int64_t now_ns = fr_clock_monotonic_ns();
    struct fr_bucket_state state = fr_rate_take(failures, login.address, &limits->login_address, 1, now_ns);
    if (!state.allowed)
        return refuse_login(call, &state, FR_LIMITED_LOGIN_ADDRESS);
    state = fr_rate_take(failures, login.pair, &limits->login, 1, now_ns);
    if (!state.allowed) {
        fr_rate_give_back(failures, login.address, &limits->login_address, 1);
        return refuse_login(call, &state, FR_LIMITED_LOGIN_ACCOUNT);
    }
    state = fr_rate_take(failures, login.account, &limits->login, 1, now_ns);
    if (!state.allowed && !login.known) {
        fr_rate_give_back(failures, login.address, &limits->login_address, 1);
        fr_rate_give_back(failures, login.pair, &limits->login, 1);
        return refuse_login(call, &state, FR_LIMITED_LOGIN_ACCOUNT);
    }
    call->limits.login_open = true;
    call->limits.login_account = account_id;
    call->limits.login_paid_account = state.allowed;
    return true;
}

void fr_limits_end(struct fr_call *call)
{
    if (!call->limits.login_open)
        return;
    call->limits.login_open = false;
    struct login login = login_of(call, call->limits.login_account);
    fr_rate_give_back(login.limits->failures, login.address, &login.limits->login_address, 1);
    fr_rate_give_back(login.limits->failures, login.pair, &login.limits->login, 1);
    if (call->limits.login_paid_account)
        fr_rate_give_back(login.limits->failures, login.account, &login.limits->login, 1);
}

void fr_call_login_failed(struct fr_call *call)
{
    call->limits.login_open = false;
}

void fr_call_login_passed(struct fr_call *call)
{
    if (!call->limits.login_open)
        return;
    int64_t account_id = call->limits.login_account;
    struct login login = login_of(call, account_id);
    struct fr_limits *limits = login.limits;
    struct fr_client_address site = fr_client_address_site(&call->client);
    fr_limits_end(call);
    fr_rate_reset(limits->failures, login.pair);
    fr_rate_mark(limits->known, fr_rate_key(limits->known, KEY_LOGIN_KNOWN, account_id, &site, sizeof site),
                 fr_clock_monotonic_ns() + (int64_t)LOGIN_KNOWN_MS * 1000000);
}
