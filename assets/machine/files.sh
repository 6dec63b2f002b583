# The files of a release: downloaded from where K3s has them or from a mirror, or from a directory on the machine.
mirror=''
case $files in
https://*) mirror=$files files='' ;;
esac

machine=$(uname -m)
# shellcheck disable=SC2034 # an upgrade needs no images
case $machine in
x86_64 | amd64) binary=k3s sums=sha256sum-amd64.txt images=k3s-airgap-images-amd64.tar ;;
aarch64 | arm64) binary=k3s-arm64 sums=sha256sum-arm64.txt images=k3s-airgap-images-arm64.tar ;;
armv6*) fail 'K3s does not run on ARMv6' ;;
arm*) binary=k3s-armhf sums=sha256sum-arm.txt images=k3s-airgap-images-arm.tar ;;
*) fail "there is no K3s for $machine" ;;
esac

# Fetches a file: fetch FILE URL
fetch() {
    if command -v curl >/dev/null 2>&1; then
        attempt curl -sSfL --proto =https --connect-timeout 15 --max-time 900 --retry 3 -o "$1" "$2"
    elif command -v wget >/dev/null 2>&1; then
        attempt wget -q -T 60 -O "$1" "$2"
    else
        fail 'neither curl nor wget is installed'
    fi
}

# Whether a mirror has a file, which is fetched then: offered FILE URL
offered() {
    if command -v curl >/dev/null 2>&1; then
        code=$(curl -sSfL --proto =https --connect-timeout 15 --max-time 1800 --retry 3 -w '%{http_code}' -o "$1" "$2" \
            2>"$work/said" </dev/null) && return
    else
        wget -T 60 -O "$1" "$2" >"$work/said" 2>&1 </dev/null && return
        code=$(sed -n -e 's/.*ERROR \([0-9]\{3\}\).*/\1/p' -e 's/.*HTTP[^ ]* \([0-9]\{3\}\).*/\1/p' "$work/said" | tail -n 1)
    fi
    rm -f "$1"
    case $code in
    403 | 404 | 410) return 1 ;;
    esac
    why=$(unseen <"$work/said" | grep '[^[:space:]]' | tail -n 1 | cut -c 1-300) || :
    exit 1
}

# What is to be taken for ours was put there by us: whoever else could write there could become root.
check_files() {
    [ -d "$files" ] || fail "there is no directory $files on the machine"
    owner=$(stat -c %u "$files")
    case $owner in
    0 | "$(id -u)" | "${SUDO_UID-0}") ;;
    *) fail "$files belongs to somebody else: delete it" ;;
    esac
    case $(stat -c %A "$files") in
    ?????w* | ????????w*) fail "everybody can write to $files: delete it" ;;
    esac
}

# The checksum that the release names for a file: named FILE-OF-CHECKSUMS NAME
named() {
    sed -n "s/^\([0-9a-f]\{64\}\)[ *]*$2\$/\1/p" "$1" | head -n 1
}

sum() {
    sha256sum "$1" | cut -c 1-64
}

# Puts the release's program in place of the one in $directory, which runs on until its next start. put_program VERSION
put_program() {
    new=$directory/.k3s.k3fleet-new
    rm -f "$new"
    address=${mirror:-https://github.com/k3s-io/k3s/releases/download}/$(printf %s "$1" | sed 's/+/%2B/g')
    if [ -n "$files" ]; then
        [ -r "$files/$sums" ] || fail "$files holds no $sums"
        cp "$files/$sums" "$work/sums"
    else
        at "downloading the checksums of K3s $1"
        fetch "$work/sums" "$address/$sums"
    fi
    wanted=$(named "$work/sums" "$binary")
    [ -n "$wanted" ] || fail "$sums names no checksum of $binary"
    if [ -x "$directory/k3s" ] && [ "$(sum "$directory/k3s")" = "$wanted" ]; then
        say "K3s $1 is there already"
        return
    fi
    if [ -n "$files" ]; then
        at "copying $binary"
        [ -r "$files/$binary" ] || fail "$files holds no $binary"
        partial=$new
        attempt cp "$files/$binary" "$new"
    else
        at "downloading $binary of K3s $1"
        partial=$new
        fetch "$new" "$address/$binary"
    fi
    at "verifying $binary"
    if [ "$(sum "$new")" != "$wanted" ]; then
        rm -f "$new"
        fail "the checksum of $binary is not that of $sums"
    fi
    chmod 0755 "$new"
    if [ "$("$new" --version 2>/dev/null | sed -n 's/^k3s version \([^ ]*\).*/\1/p')" != "$1" ]; then
        rm -f "$new"
        fail "$binary is not K3s $1, or does not run here"
    fi
    # What SELinux lets the present one do.
    if [ -e "$directory/k3s" ]; then
        chcon --reference="$directory/k3s" "$new" 2>/dev/null || :
    fi
    mv -f "$new" "$directory/k3s"
    partial=''
}
