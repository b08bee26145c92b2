package plan

import "testing"

func TestVerdictIsReadBack(t *testing.T) {
	ran, failed, ok := ParseVerdict("[    5.1] noise " + Verdict(7, 2) + "\r")
	if ran != 7 || failed != 2 || !ok {
		t.Errorf("verdict = %d, %d, %v, want 7, 2, true", ran, failed, ok)
	}
}

func TestOtherLinesAreNoVerdict(t *testing.T) {
	for _, line := range []string{"", "ok", verdict, verdict + "1 ran, 2 failed", verdict + "x ran, 0 failed"} {
		if _, _, ok := ParseVerdict(line); ok {
			t.Errorf("%q was taken for a verdict", line)
		}
	}
}

func FuzzVerdict(f *testing.F) {
	f.Add(Verdict(3, 1))
	f.Fuzz(func(t *testing.T, line string) {
		if ran, failed, ok := ParseVerdict(line); ok && (failed < 0 || failed > ran) {
			t.Errorf("%q: %d of %d failed", line, failed, ran)
		}
	})
}
