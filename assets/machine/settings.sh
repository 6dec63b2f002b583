# What K3s is configured with. It takes its arguments before its configuration, and that before its environment.
tab=$(printf '\t')

# The arguments of the unit, a line each.
arguments() {
    unit_files | while IFS= read -r file; do
        awk '/^(ExecStart|command_args)=/ { on = 1; sub(/^[a-zA-Z_]+=/, "") } on { print } on && !/\\$/ { on = 0 }' "$file"
    done | tr -d "\"'\\\\" | tr -s '[:space:]' '\n'
}

# The last value of an argument: argument NAME
argument() {
    arguments | {
        value=''
        taken=''
        while IFS= read -r word; do
            if [ -n "$taken" ]; then
                value=$word
                taken=''
                continue
            fi
            case $word in
            "--$1" | "-$1") taken=yes ;;
            "--$1="* | "-$1="*) value=${word#*=} ;;
            esac
        done
        printf '%s\n' "$value"
    }
}

# Text without its quotes, or without the comment after it.
bare() {
    tail -n 1 | sed -e 's/^"\([^"]*\)".*/\1/' -e t -e "s/^'\([^']*\)'.*/\1/" -e t -e 's/[[:space:]]\{1,\}#.*//' \
        -e 's/[[:space:]]*$//'
}

# The value of a key in a configuration file: in_config KEY FILE
in_config() {
    sed -n "s/^[\"']\{0,1\}$1[\"']\{0,1\}[[:space:]]*:[[:space:]]\{1,\}//p" "$2" | bare
}

# The value of a variable in a file of variables or a unit: in_variables NAME FILE
in_variables() {
    sed -n -e 's/^Environment=//' -e "s/^[\"']\(.*\)[\"']\$/\1/" -e "s/^\(export \)\{0,1\}$1=//p" "$2" | bare
}

# The configuration files, the one that wins first.
config_files() {
    main=$(argument config)
    [ -n "$main" ] || main=$(argument c)
    main=${main:+$root$main}
    main=${main:-$config}
    for file in "$main" "$main.d"/*.yaml; do
        [ ! -r "$file" ] || printf '%s\n' "$file"
    done | sed '1!G;h;$!d'
}

# The files of variables, the one that wins first; variables of the unit itself come last.
variable_files() {
    {
        unit_files
        for file in "$root/etc/environment" "$root/etc/default/$unit" "$root/etc/sysconfig/$unit" \
            "$root/etc/rancher/k3s/$unit.env" "$root/etc/systemd/system/$unit.service.env"; do
            printf '%s\n' "$file"
        done
        unit_files | while IFS= read -r file; do
            sed -n -e "s|%N|$unit|g" -e "s|^EnvironmentFile=-\{0,1\}|$root|p" "$file"
        done
    } | sed '1!G;h;$!d' | awk '!seen[$0]++' | while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

# Where K3s is given a value, the place that wins first: a line each of how, where and what. given KEY VARIABLE
given() {
    value=$(argument "$1")
    [ -z "$value" ] || printf 'argument\t%s\t%s\n' "$unit_file" "$value"
    config_files | while IFS= read -r file; do
        value=$(in_config "$1" "$file")
        [ -z "$value" ] || printf 'config\t%s\t%s\n' "$file" "$value"
    done
    variable_files | while IFS= read -r file; do
        value=$(in_variables "$2" "$file")
        [ -z "$value" ] || printf 'variable\t%s\t%s\n' "$file" "$value"
    done
}

# The value that K3s goes by: setting KEY VARIABLE
setting() {
    given "$1" "$2" | sed -n "1s/^[^${tab}]*${tab}[^${tab}]*${tab}//p"
}

data_directory() {
    data=$(setting data-dir K3S_DATA_DIR)
    data=$root${data:-/var/lib/rancher/k3s}
}

# etcd, sqlite or external: where a server keeps the cluster's state.
datastore() {
    if [ -n "$(setting datastore-endpoint K3S_DATASTORE_ENDPOINT)" ]; then
        say external
    elif [ -d "$data/server/db/etcd" ]; then
        say etcd
    elif [ -f "$data/server/db/state.db" ]; then
        say sqlite
    fi
}
