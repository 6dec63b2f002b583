# What a login runs: the command that was asked for, on the host whose address was connected to. The home of the rig, and what is answered without it, stand above.
# shellcheck disable=SC2154,SC2086 # three words without spaces
set -- $SSH_CONNECTION
K3FLEET_ROOT=$rig/hosts/$3
PATH=$rig/bin:/usr/bin:/bin:/usr/sbin:/sbin
# The process that holds the connection.
STUB_SESSION=$PPID
while read -r comm <"/proc/$STUB_SESSION/comm" && case $comm in sshd*) false ;; esac do
    while read -r key value; do
        case $key in PPid:) STUB_SESSION=$value ;; esac
    done <"/proc/$STUB_SESSION/status"
done
export K3FLEET_ROOT PATH STUB_SESSION
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
