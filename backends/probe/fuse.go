package probe

import (
	"errors"
	"io/fs"
	"strings"
)

func (m Machine) device() Fact {
	f := Fact{Name: "fuse_device", State: OK, Found: "/dev/fuse opens"}
	err := m.Trials.OpenFUSE()
	switch {
	case err == nil:
		return f
	case errors.Is(err, fs.ErrPermission):
		f.Remedy = "chmod 666 /dev/fuse; in a container: --device /dev/fuse"
	default:
		f.Remedy = "modprobe fuse; in a container: --device /dev/fuse"
	}
	f.State, f.Found, f.Why = Missing, refusal("/dev/fuse", err), "every mount goes through it"
	return f
}

func (m Machine) passthrough() Fact {
	f := Fact{Name: "passthrough", State: OK, Found: "the kernel took a file as backing"}
	if err := m.Trials.Passthrough(); err != nil {
		f.State, f.Found = Less, refusal("the kernel", err)
		f.Why = "reads, writes and mappings go through the page cache of the mount, and memory is used twice"
		f.Remedy = "Linux 6.9 or later with CONFIG_FUSE_PASSTHROUGH, and root"
	}
	return f
}

func (m Machine) arena() Fact {
	f := Fact{Name: "arena", State: OK, Found: "a private tmpfs"}
	err := m.Trials.Tmpfs("")
	switch {
	case err == nil:
	case m.UID == 0:
		f.State, f.Found, f.Why = Missing, refusal("tmpfs", err), "regions live in a tmpfs of their own"
		f.Remedy = "in a container: --cap-add SYS_ADMIN"
	case strings.Contains(m.text("proc/self/mountinfo"), " /dev/shm "):
		f.State, f.Found = Less, "a directory under /dev/shm"
		f.Why, f.Remedy = "no limit of its own: it shares that of /dev/shm", "mount as root"
	default:
		f.State, f.Found, f.Why = Missing, "no /dev/shm", "regions of ordinary users live there"
		f.Remedy = "mount -t tmpfs tmpfs /dev/shm"
	}
	return f
}

// hugePages tells of the one switch that rules over huge=: "deny" in shmem_enabled (Linux
// Documentation/admin-guide/mm/transhuge.rst).
func (m Machine) hugePages() Fact {
	const switchFile = "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
	f := Fact{Name: "huge_pages", State: OK, Found: "tmpfs takes huge=within_size"}
	loss := "first touch of a region is some ten times slower"
	chosen := chosenWord(m.line(switchFile[1:]))
	err := m.Trials.Tmpfs("huge=within_size")
	switch {
	case chosen == "deny":
		f.State, f.Found, f.Why, f.Remedy = Less, "shmem_enabled is deny", loss, "echo never > "+switchFile
	case errors.Is(err, fs.ErrPermission):
		f.State, f.Found, f.Why, f.Remedy = Less, "not to be had without root", loss, "mount as root"
	case err != nil:
		f.State, f.Found, f.Why = Less, refusal("tmpfs", err), loss
		f.Remedy = "a kernel with CONFIG_TRANSPARENT_HUGEPAGE, or mount with --huge never"
	}
	return f
}

func (m Machine) userXattr() Fact {
	f := Fact{Name: "user_xattr", State: OK, Found: "tmpfs keeps user. attributes"}
	if err := m.Trials.UserXattr(); err != nil {
		f.State, f.Found = Less, refusal("tmpfs", err)
		f.Why = "root keeps them under a name of its own; ordinary users go without"
		f.Remedy = "Linux 6.6 or later with CONFIG_TMPFS_XATTR"
	}
	return f
}

// refusal is an error with the one who gave it.
func refusal(who string, err error) string { return who + ": " + err.Error() }

// chosenWord is the word in brackets of a line such as "always [never] deny".
func chosenWord(line string) string {
	_, rest, _ := strings.Cut(line, "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}
