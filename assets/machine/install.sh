# An agent, installed and told to start.
find_unit
[ "$unit" != k3s ] || fail 'a server of K3s is installed on this machine: take it off first'
for file in "$config.d"/*.yaml; do
    if [ -f "$file" ] && grep -Eq "^[\"']?(token|token-file|server|node-name)[\"']?[[:space:]]*:" "$file"; then
        fail "${file#"$root"} would win over what is configured here: take it away"
    fi
done
[ -z "$files" ] || check_files

at 'writing the token'
printf '%s\n' "$secret1" | replace "$root/etc/rancher/k3s/agent-token" 0600
if [ -n "$vpn" ]; then
    [ -n "$secret2" ] || fail 'the key of the VPN did not arrive'
    printf '%s\n' "$secret2" | replace "$root/etc/rancher/k3s/vpn-auth" 0600
fi

at "writing ${config#"$root"}"
if [ -f "$config" ] && ! head -n 1 "$config" | grep -qF "$first_line"; then
    kept=$config.before-k3fleet
    [ ! -e "$kept" ] || kept=$kept-$(date -u +%Y%m%dT%H%M%SZ)
    mv "$config" "$kept"
    say "the configuration that was there is ${kept#"$root"} now"
fi
printf '%s\n' "$first_line" "$settings" | replace "$config" 0600

images_directory=$root/var/lib/rancher/k3s/agent/images
# Images that have arrived are verified, and put in their place: put_images NAME
put_images() {
    wanted=$(named "$work/sums" "$1")
    if [ -n "$wanted" ] && [ "$(sum "$images_directory/.k3fleet-new")" != "$wanted" ]; then
        rm -f "$images_directory/.k3fleet-new"
        fail "the checksum of $1 is not that of $sums"
    fi
    mv -f "$images_directory/.k3fleet-new" "$images_directory/$1"
}

if [ -n "$files$mirror" ]; then
    # Where the installer would put it.
    directory=$root/usr/local/bin
    mkdir -p "$directory" 2>/dev/null || :
    if ! { : >"$directory/.k3fleet-try"; } 2>/dev/null && [ -d "$root/opt/bin" ]; then
        directory=$root/opt/bin
    fi
    rm -f "$directory/.k3fleet-try" 2>/dev/null || :
    put_program "$version"
    mkdir -p "$images_directory"
    partial=$images_directory/.k3fleet-new
    rm -f "$partial"
fi
if [ -n "$files" ]; then
    for file in "$files/$images"*; do
        [ -f "$file" ] || continue
        at "copying ${file##*/}"
        attempt cp "$file" "$images_directory/.k3fleet-new"
        put_images "${file##*/}"
    done
    [ -r "$files/install.sh" ] || fail "$files holds no install.sh"
    cp "$files/install.sh" "$work/install.sh"
elif [ -n "$mirror" ]; then
    at 'downloading the installer of K3s'
    fetch "$work/install.sh" "$mirror/install.sh"
    for name in "$images.zst" "$images.gz" "$images"; do
        wanted=$(named "$work/sums" "$name")
        if [ -n "$wanted" ] && [ -f "$images_directory/$name" ] && [ "$(sum "$images_directory/$name")" = "$wanted" ]; then
            say "$name is there already"
            break
        fi
        at "downloading $name, should the mirror have it"
        if offered "$images_directory/.k3fleet-new" "$address/$name"; then
            put_images "$name"
            break
        fi
    done
else
    at 'downloading the installer of K3s'
    fetch "$work/install.sh" https://get.k3s.io
fi
if [ -n "$files$mirror" ]; then
    export INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_SKIP_SELINUX_RPM=true
fi

at "installing K3s $version"
# The installer wants to be told of an agent's token too.
export INSTALL_K3S_VERSION="$version" INSTALL_K3S_EXEC=agent INSTALL_K3S_SKIP_START=true INSTALL_K3S_SELINUX_WARN=true \
    K3S_TOKEN_FILE=/etc/rancher/k3s/agent-token
attempt sh "$work/install.sh"
# It has done its part; the disks of such machines are small.
[ -z "$files" ] || rm -rf "$files"
# The unit that is there now.
unit=''
need_unit
begin
say "K3s $version is installed, and told to start"
