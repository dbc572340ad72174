#!/bin/sh
# Starts one desktop and stays as its parent on this machine: joins the limits, starts the sandbox,
# gives it a network of its own, and takes that network down when the sandbox ends.
#   spawn.sh FOLDER NETWORK GROUPS -- command…
# FOLDER/info.json is where the pid of the sandbox's init is written; NETWORK is own, shared, or
# plain (no sandbox at all: then the command itself is the init); GROUPS are cgroup folders, colon
# separated.
set -u
folder=$1 network=$2 groups=$3
info=$folder/info.json
shift 4
IFS=:
for group in $groups; do echo $$ >"$group/cgroup.procs"; done
unset IFS
if [ "$network" = plain ]; then "$@" & else "$@" 3>"$info" & fi
sandbox=$!
net=
init() { sed -n 's/.*"child-pid": *\([0-9][0-9]*\).*/\1/p' "$info" 2>/dev/null; }
if [ "$network" = plain ]; then
    printf '{"child-pid": %s}' $sandbox >"$info"
elif [ "$network" = own ]; then
    # Not before the sandbox has a child: until then it is busy with the same network itself, and
    # two at once make it fail now and then.
    until pid=$(init) && [ -n "$pid" ] && [ -n "$(cat "/proc/$pid/task/$pid/children")" ]; do
        kill -0 $sandbox 2>/dev/null || break
        sleep 0.01
    done 2>/dev/null
    if [ -n "$pid" ]; then
        # Confined itself: it reads packets that a tenant wrote. Walls first: a desktop that cannot
        # have them stays without a network.
        (
            inside="nsenter --net=/proc/$pid/ns/net"
            $inside iptables-restore -w 5 <"$folder/firewall.v4" >"$folder/network.log" 2>&1 &&
                $inside ip6tables-restore -w 5 <"$folder/firewall.v6" >>"$folder/network.log" 2>&1 &&
                slirp4netns --configure --mtu=65520 --disable-host-loopback \
                --enable-sandbox --enable-seccomp "$pid" tap0 >>"$folder/network.log" 2>&1
            kill -0 $sandbox 2>/dev/null && : >"$folder/network-failed"
        ) &
        net=$!
    fi
fi
wait $sandbox
code=$?
if [ -n "$net" ]; then
    kill $(cat "/proc/$net/task/$net/children") $net 2>/dev/null
fi
echo "the sandbox ended with $code"
exit $code
