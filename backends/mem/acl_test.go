package mem

import (
	"bytes"
	"testing"
)

func FuzzParseACL(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(acl{{aclUserObj, 6, aclNoID}, {aclGroupObj, 4, aclNoID}, {aclOther, 0, aclNoID}}.encode())
	f.Add(acl{{aclUserObj, 7, aclNoID}, {aclUser, 5, 1}, {aclGroupObj, 5, aclNoID}, {aclMask, 7, aclNoID}, {aclOther, 1, aclNoID}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseACL(b)
		if err != nil || l == nil {
			return
		}
		again, err := parseACL(l.encode())
		if err != nil || !bytes.Equal(again.encode(), l.encode()) || len(l.encode()) != len(b) {
			t.Fatalf("%x is read as %v, and that as %v (%v)", b, l, again, err)
		}
		if !l.valid() {
			return
		}
		mode := l.mode(0o7000)
		if mode&^0o7777 != 0 || mode&0o7000 != 0o7000 {
			t.Fatalf("%v gives mode %o", l, mode)
		}
		if got := l.withMode(0o751); got.mode(0) != 0o751 || !got.valid() {
			t.Fatalf("%v with mode 751 is %v", l, got)
		}
		if got, mode := l.inherited(0o640); mode&^0o640 != 0 || got != nil && (!got.valid() || got.mode(0) != mode) {
			t.Fatalf("%v inherited is %v with mode %o", l, got, mode)
		}
	})
}
