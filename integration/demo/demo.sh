#!/usr/bin/env bash
# Two programs in different languages share 1 GiB through a shmfs mount: a Go program writes, a Python program checks
# and answers, both through mmap. Then what a person sees of it, and nothing is left behind: also not on an error or
# Ctrl-C. `make demo` builds what this needs.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly shmfs=$PWD/bin/shmfs writer=$PWD/bin/demo-writer reader=$PWD/integration/demo/reader.py

fail() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

[ -x "$shmfs" ] && [ -x "$writer" ] || fail "not built yet; type: make demo"
[ "$(id -u)" = 0 ] || fail "needs root, to mount and for passthrough; everything is built, so type: sudo integration/demo/demo.sh"
command -v python3 >/dev/null || fail "needs python3 for the second program; type: apt-get install python3"

mount=$(mktemp -d /tmp/shmfs-demo-XXXXXX)
children=()

# Runs however the script ends. A program that is killed lets go of its mapping, so the unmount is never busy.
clean_up() {
	local pid
	for pid in "${children[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	wait
	if mountpoint -q "$mount"; then
		"$shmfs" umount "$mount" || "$shmfs" umount --lazy "$mount" || umount -l "$mount"
	fi
	rmdir "$mount"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# show COMMAND...: prints it as one would type it, then runs it.
show() {
	printf '\n$ %s\n' "${*//$shmfs/shmfs}"
	"$@"
}

show "$shmfs" mount "$mount" --size 2G

printf '\n# a Go program writes 1 GiB, a Python program that has it mapped too checks and answers\n'
"$writer" "$mount/frames" &
children+=($!)
python3 "$reader" "$mount/frames" &
children+=($!)
for pid in "${children[@]}"; do
	wait "$pid" || fail "one of the programs failed"
done
children=()

show ls -la "$mount"
show "$shmfs" ls "$mount"
show df -h "$mount"
printf '\n$ head -n 12 %s/.ctl/stats\n' "$mount"
head -n 12 "$mount/.ctl/stats"
show rm "$mount/frames"
show "$shmfs" umount "$mount"
