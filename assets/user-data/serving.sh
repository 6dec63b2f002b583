# What all servers have in common.

# Configures what every server is told: serve NAME-OR-ADDRESS..., which its certificate shall answer to as well.
serve() {
    at "writing $config"
    configure 'write-kubeconfig-mode: "0600"' 'tls-san:'
    for name in local-ipv4 public-ipv4 public-hostname; do
        # A machine may have no public address.
        if address=$(metadata "$imds/meta-data/$name") && [ -n "$address" ]; then
            set -- "$@" "$address"
        fi
    done
    for name in "$@"; do
        configure "  - \"$name\""
    done
    if [ -n "$disable" ]; then
        configure 'disable:'
        for part in $disable; do
            configure "  - $part"
        done
    fi
}

read_tokens() {
    token_into "$etc/server-token" "$server_token"
    token_into "$etc/agent-token" "$agent_token"
    configure 'token-file: /etc/rancher/k3s/server-token' 'agent-token-file: /etc/rancher/k3s/agent-token'
}
