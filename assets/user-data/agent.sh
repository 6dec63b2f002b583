# An agent.
token_into "$etc/agent-token" "$agent_token"
at "writing $config"
configure "server: \"$server\"" 'token-file: /etc/rancher/k3s/agent-token'
# The installer wants to be told of an agent's token too.
export K3S_TOKEN_FILE=/etc/rancher/k3s/agent-token
install_k3s agent
start k3s-agent
at "joining $server"
wait_for k3s-agent systemctl is-active --quiet k3s-agent
say "ready: $instance"
