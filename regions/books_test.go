package regions

import (
	"testing"
	"time"
)

func TestBooksKnowUseAndPrivileges(t *testing.T) {
	b := newBooks(time.Unix(1700000000, 0))
	b.made(&Attr{Node: 5, Mode: TypeRegular | 0o755})
	if set, known := b.setID(5); set || !known {
		t.Errorf("set-id of a plain region: %t, known %t", set, known)
	}
	b.seen(&Attr{Node: 5, Mode: TypeRegular | 0o4755})
	if set, known := b.setID(5); !set || !known {
		t.Errorf("set-id after chmod: %t, known %t", set, known)
	}
	if _, known := b.setID(6); known {
		t.Error("a region that was never seen is known")
	}
	if got := b.lastUsed(5); !got.IsZero() {
		t.Errorf("used at %v before it was", got)
	}
	now := time.Unix(1700000007, 500)
	b.touched(5, now)
	if got := b.lastUsed(5); !got.Equal(time.Unix(1700000007, 0)) {
		t.Errorf("used at %v, want %v", got, now)
	}
	b.seen(&Attr{Node: 5, Mode: TypeRegular, Size: 10})
	b.made(&Attr{Node: 5, Mode: TypeRegular})
	if got := b.lastUsed(5); got.IsZero() {
		t.Error("a new size made the use forgotten")
	}
	b.touched(6, now)
	if got := b.lastUsed(6); !got.IsZero() {
		t.Errorf("a region without a name was used at %v", got)
	}
}
