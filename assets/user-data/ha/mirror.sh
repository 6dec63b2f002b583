# Downloads what K3s is from a place that holds the files of its release.
from_mirror() {
    case $(uname -m) in
    aarch64) arch=arm64 suffix=-arm64 ;;
    *) arch=amd64 suffix='' ;;
    esac
    at "downloading K3s from $mirror"
    fetch "$mirror/k3s$suffix" "$work/k3s$suffix"
    fetch "$mirror/sha256sum-$arch.txt" "$work/sums"
    grep " k3s$suffix\$" "$work/sums" >"$work/sum"
    (cd "$work" && sha256sum -c sum)
    mkdir -p "$root/usr/local/bin" "$root/var/lib/rancher/k3s/agent/images"
    mv "$work/k3s$suffix" "$root/usr/local/bin/k3s"
    chmod 0755 "$root/usr/local/bin/k3s"
    # The images as well, where they are kept there.
    images=k3s-airgap-images-$arch.tar.zst
    if grep -q " $images\$" "$work/sums" && fetch "$mirror/$images" "$work/$images"; then
        mv "$work/$images" "$root/var/lib/rancher/k3s/agent/images/$images"
    fi
}

