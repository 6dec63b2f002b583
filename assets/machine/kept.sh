# The tokens that a server keeps beside its own: the next one until every machine has it, and old ones for the snapshots
# of their time.
next_token=$data/server/k3fleet-next-$kind-token
# shellcheck disable=SC2034 # not every task asks for them
old_tokens=$data/server/k3fleet-old-$kind-token

# What stands in a file; nothing where there is none.
text_of() {
    [ ! -r "$1" ] || tr -d '[:space:]' <"$1"
}

# The token that the server is configured with.
present() {
    token_places "$kind" | awk -F '\t' '$4 != "" { print $4; exit }'
}
