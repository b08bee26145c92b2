#!/usr/bin/env bash
# The same Python pool on /dev/shm and on a shmfs, both killed by SIGKILL: what is left of each. Nothing is left behind
# afterwards: also not on an error or Ctrl-C. `make demo-leak` builds what this needs.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly shmfs=$PWD/bin/shmfs pool=$PWD/integration/demo/pool.py

fail() {
	printf 'demo-leak: %s\n' "$*" >&2
	exit 1
}

[ -x "$shmfs" ] || fail "not built yet; type: make demo-leak"
[ "$(id -u)" = 0 ] || fail "needs root, to mount; everything is built, so type: sudo integration/demo/leak.sh"
command -v python3 >/dev/null || fail "needs python3; type: apt-get install python3"

mount=$(mktemp -d /tmp/shmfs-demo-XXXXXX)
plain=$(mktemp -d /dev/shm/demo-XXXXXX)
group=

clean_up() {
	[ -z "$group" ] || kill -KILL -- "-$group" 2>/dev/null || true
	wait
	if mountpoint -q "$mount"; then
		"$shmfs" umount "$mount" || "$shmfs" umount --lazy "$mount" || umount -l "$mount"
	fi
	rmdir "$mount"
	rm -rf "$plain"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

show() {
	printf '\n$ %s\n' "${*//$shmfs/shmfs}"
	"$@"
}

# killed DIR: runs the pool there until it has made all its regions, and kills it with all its workers.
killed() {
	local ready
	exec {ready}< <(exec setsid python3 "$pool" "$1")
	group=$!
	local line
	read -r -t 60 line <&"$ready" && [ "$line" = ready ] || fail "the pool did not start"
	printf '\n# the pool has made %s regions in %s; now: kill -KILL of the pool and its workers\n' "$(ls "$1" | wc -l)" "$1"
	kill -KILL -- "-$group"
	group=
	exec {ready}<&-
}

show "$shmfs" mount "$mount" --size 1G
mkdir "$mount/pool"
show "$shmfs" set "$mount/pool" lifetime=owner,grace=500ms

killed "$plain"
killed "$mount/pool"
show "$shmfs" gc "$mount"
printf '\n$ sleep 2\n'
sleep 2

show du -sh "$plain"
printf '\n$ ls %s | wc -l\n' "$plain"
left=$(ls "$plain" | wc -l)
echo "$left"
printf '\n$ ls %s | wc -l\n' "$mount/pool"
kept=$(ls "$mount/pool" | wc -l)
echo "$kept"
show "$shmfs" events "$mount" --filter 'event=deleted'
[ "$left" = 20 ] || fail "/dev/shm has $left of 20 files: the demonstration does not show what it should"
[ "$kept" = 0 ] || fail "$kept regions are left in the shmfs"
