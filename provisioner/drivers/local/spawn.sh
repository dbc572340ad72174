#!/bin/sh
# Starts one desktop and stays as its parent on this machine: joins the limits, starts the sandbox,
# gives it a network of its own, and takes that network down when the sandbox ends.
#   spawn.sh INFO NETWORK GROUPS -- command…
# INFO is where the pid of the sandbox's init is written; NETWORK is own, shared, or plain (no
# sandbox at all: then the command itself is the init); GROUPS are cgroup folders, colon separated.
set -u
info=$1 network=$2 groups=$3
shift 4
IFS=:
for group in $groups; do echo $$ >"$group/cgroup.procs"; done
unset IFS
"$@" 3>"$info" &
sandbox=$!
net=
if [ "$network" = plain ]; then
    printf '{"child-pid": %s}' $sandbox >"$info"
elif [ "$network" = own ]; then
    tries=0
    until pid=$(sed -n 's/.*"child-pid": *\([0-9][0-9]*\).*/\1/p' "$info") && [ -n "$pid" ]; do
        tries=$((tries + 1))
        [ $tries -gt 500 ] && break
        kill -0 $sandbox 2>/dev/null || break
        sleep 0.01
    done
    if [ -n "$pid" ]; then
        slirp4netns --configure --mtu=65520 --disable-host-loopback "$pid" tap0 >/dev/null 2>&1 &
        net=$!
    fi
fi
wait $sandbox
code=$?
[ -n "$net" ] && kill $net 2>/dev/null
echo "the sandbox ended with $code"
exit $code
