package probe

import (
	"io/fs"
	"strings"
)

// fusermount looks for the program through which ordinary users mount. It works only when it is set-user-id.
func (m Machine) fusermount() Fact {
	f := Fact{Name: "fusermount3", State: Less, Found: "not installed", Why: "ordinary users cannot mount",
		Remedy: "apt-get install fuse3, dnf install fuse3, or the like"}
	for _, dir := range []string{"usr/bin/", "bin/", "usr/local/bin/"} {
		info, err := fs.Stat(m.Root, dir+"fusermount3")
		switch {
		case err != nil:
		case info.Mode()&fs.ModeSetuid == 0 && m.UID != 0:
			f.Found, f.Remedy = "/"+dir+"fusermount3 is not set-user-id", "chmod u+s /"+dir+"fusermount3"
		default:
			return Fact{Name: "fusermount3", State: OK, Found: "/" + dir + "fusermount3"}
		}
	}
	return f
}

// allowOther looks for the line in fuse.conf that lets ordinary users share what they mount (fuse3's
// fusermount3(1)).
func (m Machine) allowOther() Fact {
	for line := range strings.Lines(m.text("etc/fuse.conf")) {
		if strings.TrimSpace(line) == "user_allow_other" {
			return Fact{Name: "user_allow_other", State: OK, Found: "in /etc/fuse.conf"}
		}
	}
	return Fact{Name: "user_allow_other", State: Less, Found: "not in /etc/fuse.conf",
		Why:    "what ordinary users mount is for themselves only; root is not concerned",
		Remedy: "echo user_allow_other >> /etc/fuse.conf"}
}

// mountHelper looks for what mount(8) runs for the type shmfs.
func (m Machine) mountHelper() Fact {
	for _, dir := range []string{"sbin/", "usr/sbin/"} {
		if _, err := fs.Stat(m.Root, dir+"mount.shmfs"); err == nil {
			return Fact{Name: "mount_helper", State: OK, Found: "/" + dir + "mount.shmfs"}
		}
	}
	return Fact{Name: "mount_helper", State: Less, Found: "no /sbin/mount.shmfs",
		Why: "mount -t shmfs and /etc/fstab do not work", Remedy: `ln -s "$(command -v shmfs)" /sbin/mount.shmfs`}
}
