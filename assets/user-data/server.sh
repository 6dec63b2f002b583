# The server.
if [ -n "$expires" ]; then
    at 'setting the timer that ends this machine'
    mkdir -p "$root/usr/local/lib/k3fleet" "$root/etc/systemd/system"
    # The tag holds the time, so that to extend the cluster is to change its tag; the first time is for when no tag can be read.
    cat >"$root/usr/local/lib/k3fleet/expire" <<EOF
#!/bin/sh
token=\$(curl -sf --max-time 10 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $imds/api/token)
at=\$(printf 'header = "X-aws-ec2-metadata-token: %s"\n' "\$token" |
    curl -sf --max-time 10 -K - $imds/meta-data/tags/instance/k3fleet:expires-at)
end=\$(date -d "\${at:-$expires}" +%s) || end=\$(date -d '$expires' +%s)
[ "\$(date +%s)" -lt "\$end" ] || systemctl poweroff
EOF
    chmod 0755 "$root/usr/local/lib/k3fleet/expire"
    cat >"$root/etc/systemd/system/k3fleet-expire.service" <<EOF
[Unit]
Description=Ends this machine once its cluster has expired
[Service]
Type=oneshot
ExecStart=/bin/sh /usr/local/lib/k3fleet/expire
EOF
    cat >"$root/etc/systemd/system/k3fleet-expire.timer" <<EOF
[Unit]
Description=Looks every minute whether the cluster has expired
[Timer]
OnCalendar=minutely
AccuracySec=5s
[Install]
WantedBy=timers.target
EOF
    systemctl daemon-reload
    systemctl enable --now k3fleet-expire.timer
fi

serve
# Without a role of its own the machine reads no token, and K3s makes one.
if [ -n "$secret" ]; then
    read_tokens
fi

install_k3s server
start k3s
at 'waiting for the API server'
wait_for k3s k3s kubectl get --raw /readyz

if [ -n "$secret" ]; then
    at "writing the kubeconfig to the secret $secret"
    into_secret "$etc/k3s.yaml" "$secret"
fi
say "ready: $instance"
