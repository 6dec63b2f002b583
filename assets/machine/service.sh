# A start or a restart.
need_unit
# One that is starting still goes by the token that it was started with.
if [ "$verb" = start ] && [ "$(service_state "$manager" "$unit")" = activating ]; then
    verb=restart
fi
at "${verb}ing $unit"
service "$verb"
say "$unit is told to $verb"
