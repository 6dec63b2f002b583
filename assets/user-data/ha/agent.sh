# An agent.
begin_labels
for label in $labels; do
    label "$label"
done
if [ -n "$taints" ]; then
    configure 'node-taint:'
    for taint in $taints; do
        configure "  - \"$taint\""
    done
fi
token_into "$etc/agent-token" "$agent_token"
{ cat "$etc/agent-token" && echo; } >>"$work/secrets"
configure "server: \"https://$api:6443\"" 'token-file: /etc/rancher/k3s/agent-token'
# The installer wants to be told of an agent's token too.
export K3S_TOKEN_FILE=/etc/rancher/k3s/agent-token
install_k3s agent
wait_for_api "the API of $cluster does not answer yet" "the API at https://$api:6443 did not answer for 20 minutes"
run k3s-agent
wait_for k3s-agent systemctl is-active --quiet k3s-agent
say "ready: $instance"
