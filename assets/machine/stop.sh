# K3s, stopped; pods run on.
need_unit
at "stopping $unit"
stop_service
say "$unit is stopped"
