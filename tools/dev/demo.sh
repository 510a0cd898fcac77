# The demo users of `./dev run`, made once through the gateway, and what is printed when all is ready.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

demo_call() { # METHOD PATH TOKEN [JSON]: prints the body; fails unless the status is 200. No secret on a command line.
    local answer
    answer=$({ [[ -z $3 ]] || printf 'header = "Authorization: Bearer %s"\n' "$3"
        [[ -z ${4:-} ]] || printf 'header = "Content-Type: application/json"\ndata = "%s"\n' "${4//\"/\\\"}"
    } | curl -s -m 20 -K - -w '\n%{http_code}' -X "$1" "http://127.0.0.1:$port_http$2" 8>&-)
    demo_answer=${answer%$'\n'*}
    [[ ${answer##*$'\n'} == 200 ]] && printf '%s\n' "$demo_answer"
}

demo_field() { # NAME: that string of the JSON object on standard input
    sed -nE "s/.*\"$1\" *: *\"([^\"]*)\".*/\1/p"
}

demo_login() { # ID PASSWORD: prints a token
    demo_call POST /login "" "{\"id\":\"$1\",\"password\":\"$2\"}" | demo_field token | grep .
}

# Ada and Ben follow each other. Their ids and passwords stay in the file demo, mode 0600.
ensure_demo_users() {
    local ada_id='' ada_password='' ben_id='' ben_password='' ada_token ben_token
    if [[ -f $run_dir/demo ]]; then
        # shellcheck source=/dev/null
        source "$run_dir/demo"
        if demo_login "$ada_id" "$ada_password" >/dev/null && demo_login "$ben_id" "$ben_password" >/dev/null; then return 0; fi
    fi
    ada_password=$(random_hex 8)
    ben_password=$(random_hex 8)
    if ada_id=$(demo_register Ada Demo "$ada_password") && ben_id=$(demo_register Ben Demo "$ben_password") \
        && ada_token=$(demo_login "$ada_id" "$ada_password") && ben_token=$(demo_login "$ben_id" "$ben_password") \
        && demo_call PUT "/friend/set/$ben_id" "$ada_token" >/dev/null \
        && demo_call PUT "/friend/set/$ada_id" "$ben_token" >/dev/null; then
        printf '%s\n' "ada_id=$ada_id" "ada_password=$ada_password" "ben_id=$ben_id" "ben_password=$ben_password" >"$run_dir/demo"
    else
        rm -f "$run_dir/demo"
        complain "the demo users could not be made; see $(log_of gateway)"
    fi
}

demo_register() { # FIRST SECOND PASSWORD: prints the id
    demo_call POST /user/register "" \
        "{\"first_name\":\"$1\",\"second_name\":\"$2\",\"birthdate\":\"1990-01-01\",\"biography\":\"demo\",\"city\":\"Here\",\"password\":\"$3\"}" \
        | demo_field user_id | grep -xE '[0-9]{1,19}'
}

admin_token_place() {
    if [[ -n ${FRESHET_ADMIN_TOKEN:-} ]]; then
        printf 'FRESHET_ADMIN_TOKEN'
    else
        printf '%s' "$run_dir/secrets/admin-token"
    fi
}

welcome() {
    local ada_id='' ada_password='' ben_id='' ben_password='' address=http://127.0.0.1:$port_http
    printf '\nFreshet is ready: %s (HTTP/1.1, h2c) and https://127.0.0.1:%s (self-signed certificate)\n' "$address" "$port_https"
    if [[ -n $(web_folder) ]]; then
        printf 'The page: %s/ and, for operators, %s/ops with the token of %s\n' "$address" "$address" "$(admin_token_place)"
    fi
    printf 'Admin listeners: gateway http://127.0.0.1:%s, materializer http://127.0.0.1:%s (/metrics, /healthz, /readyz)\n' \
        "$port_gateway_admin" "$port_materializer_admin"
    if [[ -f $run_dir/demo ]]; then
        # shellcheck source=/dev/null
        source "$run_dir/demo"
        cat <<TEXT
Demo users, who follow each other: Ada (id $ada_id, password $ada_password) and Ben (id $ben_id, password $ben_password)

TOKEN=\$(curl -s $address/login -d '{"id":"$ada_id","password":"$ada_password"}' -H 'Content-Type: application/json' | sed -E 's/.*"token" *: *"([^"]*)".*/\1/')
curl -s $address/post/create -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"text":"Hello from Ada"}'; echo
curl -s $address/post/feed -H "Authorization: Bearer \$(curl -s $address/login -d '{"id":"$ben_id","password":"$ben_password"}' -H 'Content-Type: application/json' | sed -E 's/.*"token" *: *"([^"]*)".*/\1/')"; echo

TEXT
    fi
}
