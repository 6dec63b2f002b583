# What only a server does.
need_unit
[ "$unit" = k3s ] || fail 'this machine is no server'
data_directory
