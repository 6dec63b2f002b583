# A start or a restart.
need_unit
at "${verb}ing $unit"
service "$verb"
say "$unit is told to $verb"
