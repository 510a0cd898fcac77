#include "http/http_internal.h"

/* Every call of the public API. */
const struct fr_route fr_routes[] = {
    {"POST", "/login", FR_ROUTE_BODY | FR_ROUTE_PASSWORD, fr_handle_login},
    {"POST", "/logout", FR_ROUTE_AUTH, fr_handle_logout},
    {"POST", "/token/refresh", FR_ROUTE_AUTH, fr_handle_token_refresh},
    {"POST", "/token/ticket", FR_ROUTE_AUTH, fr_handle_token_ticket},
    {"POST", "/user/register", FR_ROUTE_BODY | FR_ROUTE_PASSWORD, fr_handle_user_register},
    {"GET", "/user/get/{id}", 0, fr_handle_user_get},
    {"GET", "/user/search", 0, fr_handle_user_search},
    {"GET", "/user/{id}/profile", 0, fr_handle_user_profile},
    {"GET", "/user/{id}/posts", 0, fr_handle_user_posts},
    {"GET", "/user/{id}/followers", 0, fr_handle_user_followers},
    {"GET", "/user/{id}/following", 0, fr_handle_user_following},
    {"GET", "/users", FR_ROUTE_AUTH, fr_handle_users},
    {"DELETE", "/user/me", FR_ROUTE_AUTH | FR_ROUTE_BODY | FR_ROUTE_PASSWORD, fr_handle_account_delete},
    {"PUT", "/friend/set/{user_id}", FR_ROUTE_AUTH, fr_handle_friend_set},
    {"PUT", "/friend/delete/{user_id}", FR_ROUTE_AUTH, fr_handle_friend_delete},
    {"POST", "/post/create", FR_ROUTE_AUTH | FR_ROUTE_BODY, fr_handle_post_create},
    {"PUT", "/post/update", FR_ROUTE_AUTH | FR_ROUTE_BODY, fr_handle_post_update},
    {"PUT", "/post/delete/{id}", FR_ROUTE_AUTH, fr_handle_post_delete},
    {"GET", "/post/get/{id}", 0, fr_handle_post_get},
    {"GET", "/post/feed", FR_ROUTE_AUTH, fr_handle_post_feed},
    {"GET", "/post/feed/posted", FR_ROUTE_AUTH | FR_ROUTE_TOKEN_IN_QUERY, fr_handle_live},
    {"GET", "/post/feed/stream", FR_ROUTE_AUTH | FR_ROUTE_TOKEN_IN_QUERY, fr_handle_live_stream},
    {"GET", "/ops/metrics", FR_ROUTE_NO_USER | FR_ROUTE_PASSWORD, fr_handle_ops_metrics},
    {"GET", "/debug/constant", 0, fr_handle_debug_constant},
};
const size_t fr_route_count = FR_COUNT_OF(fr_routes);
