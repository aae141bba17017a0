"""A Hetzner Cloud that runs on a laptop: its API, its waiting, its refusals and its prices.

    python -m kvx_rehearsal --state FILE [--port 0] [--scenario FILE] [--speed X] [--machines PROGRAM]

prints one line, {"address": "http://127.0.0.1:PORT/v1", "pid": ...}, when it serves. No account is needed:
the real hcloud Terraform provider, hcloud-go and the hcloud Python client accept it unchanged
(HCLOUD_ENDPOINT=address). What is made stays in FILE, one SQLite file of mode 0600: a call is one
transaction, and a kill at any moment leaves nothing half-written.

A token has 64 characters; one that begins with "readonly" may only read, one with "invalid" is refused.
Actions take real but short time (a server 1.5 s), divided by --speed.

With --machines, a program makes a machine for every server, with its addresses, keys and user data, and
what is done to a server takes as long as it takes (kvx_rehearsal.keeper). Every type then has the
architecture of these machines.

Beside the API, for tests and people:

    GET  /_rehearsal/requests     every call: number, time, method, path, query, status, code, correlation_id,
                                  faults; never a token or a body; the newest 20,000
    GET  /_rehearsal/resources    what is alive, each with its net price a month, and the sum
    GET  /_rehearsal/bill         ?month=2026-11: what was metered until now, line by line, net, in 1/10,000
    GET  /_rehearsal/scenario     what is in force
    POST /_rehearsal/scenario     replaces it (and starts its counts anew)

A scenario is a JSON or TOML file, or the body of that POST. It is kept with the state, and stays in force
through a restart until another one (`{}` for none) replaces it. Everything in it is optional:

    token_is_readonly = true            every token may only read

    [durations]                         seconds by the action's command, before --speed
    create_server = 12.0

    [limits]                            quota of the account, by kind in the plural
    servers = 5
    primary_ips = 3

    [rate_limit]                        3600 calls an hour unless said otherwise
    limit = 3600                        the bucket
    remaining = 20                      what is in it when the scenario comes into force
    per_second = 1.0                    what comes back

    [[unavailable]]                     /server_types says so, and ordering it is refused
    server_type = "cax21"
    location = "nbg1"

    [[faults]]
    kind = "stock_gone"                 see below
    method = "POST"                     any, if left out
    path = "/servers"                   a shell pattern without /v1; any, if left out
    body = { server_type = "cax21", location = "nbg1" }     fields that must be equal; "a.b" reaches inside
    after = 2                           lets so many matching calls pass first; 0
    times = 3                           or "always"; 1

Kinds of faults, and the fields only they have:

    stock_gone          412 resource_unavailable although /server_types said available; message: one of
                        "error during placement", "server location disabled",
                        "we are unable to provision servers for this location"
    refuse              any error: code (placement_error, rate_limit_exceeded, locked, conflict, server_error,
                        bad_gateway, timeout, unavailable ...), message, details, status
    action_fails        the call is accepted, its action ends in error: code, message. What was being created
                        stays, half-made; any other change is undone
    action_never_ends   the call is accepted, its action runs for ever
    cut_before_write    the connection is cut and nothing was done
    cut_after_write     everything was done, the connection is cut before a byte of the answer
    slow                the answer comes after so many seconds: seconds

Faults that match the same call are combined; each use is counted in the state file.
"""
