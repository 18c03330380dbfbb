package face_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wantKind fails the test if err is not of that kind.
func wantKind(t *testing.T, err error, kind sesuai.Kind) {
	t.Helper()
	if got := sesuai.KindOf(err); got != kind {
		t.Fatalf("error %v has kind %q, want %q", err, got, kind)
	}
}

// detailOf returns what a caller may be shown of err.
func detailOf(err error) string {
	if e, ok := errors.AsType[*sesuai.Error](err); ok {
		return e.Detail
	}
	return ""
}
