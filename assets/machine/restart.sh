# A restart.
need_unit
at "restarting $unit"
service restart
say "$unit is told to restart"
