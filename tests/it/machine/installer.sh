# Stands for the installer of K3s: what it was told, and what it leaves.
if [ "$FAIL" = installer ]; then
    echo '[INFO]  Finding release'
    echo '[ERROR]  Download failed' >&2
    exit 1
fi
root=$K3FLEET_ROOT
export -p >>"$root/environments"
printf '%s\n' "$INSTALL_K3S_VERSION $INSTALL_K3S_EXEC $INSTALL_K3S_SKIP_START ${INSTALL_K3S_SKIP_DOWNLOAD-download} $K3S_TOKEN_FILE" >"$root/installed"
mkdir -p "$root/etc/systemd/system" "$root/usr/local/bin"
unit=$root/etc/systemd/system/k3s-agent.service
printf '[Service]\nEnvironmentFile=-/etc/systemd/system/k3s-agent.service.env\nExecStart=/usr/local/bin/k3s \\\n    agent \\\n\n' >"$unit"
printf "K3S_TOKEN_FILE='%s'\n" "$K3S_TOKEN_FILE" >"$unit.env"
[ -e "$root/usr/local/bin/k3s" ] || cp "$root/release/k3s-arm64" "$root/usr/local/bin/k3s"
