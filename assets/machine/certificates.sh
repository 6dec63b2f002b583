# New certificates: those that K3s makes itself, not its authority.
need_unit
k3s=$(program)
[ -n "$k3s" ] || fail 'the program of K3s is not there'
at 'stopping K3s'
stop_service
at 'renewing the certificates'
renewed=yes
"$k3s" certificate rotate >"$work/said" 2>&1 </dev/null || renewed=''
was=$(unseen <"$work/said" | grep '[^[:space:]]' | tail -n 1 | cut -c 1-300) || :
at 'starting K3s'
service start
[ -n "$renewed" ] || fail 'renewing the certificates' "$was"
say 'the certificates are renewed'
