package sesuai_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/sesuai/sesuai"
)

func TestKindOf(t *testing.T) {
	late := &sesuai.Error{Kind: sesuai.KindTimeout, Detail: "too slow", Err: io.ErrUnexpectedEOF}
	for _, tt := range []struct {
		about string
		err   error
		want  sesuai.Kind
	}{
		{"no error", nil, ""},
		{"an error of no kind", io.EOF, sesuai.KindInternal},
		{"an error of a kind", late, sesuai.KindTimeout},
		{"wrapped", fmt.Errorf("reading: %w", late), sesuai.KindTimeout},
		{"joined", errors.Join(io.EOF, late), sesuai.KindTimeout},
		{"the outer kind counts", &sesuai.Error{Kind: sesuai.KindUnavailable, Err: late}, sesuai.KindUnavailable},
	} {
		if got := sesuai.KindOf(tt.err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.about, got, tt.want)
		}
	}
	if !errors.Is(late, io.ErrUnexpectedEOF) {
		t.Error("the cause cannot be found")
	}
	if got, want := late.Error(), "TIMEOUT: too slow: unexpected EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStatus(t *testing.T) {
	for _, s := range []sesuai.Status{sesuai.Active, sesuai.Deceased, sesuai.Inactive} {
		back, err := sesuai.ParseStatus(s.String())
		if err != nil || back != s {
			t.Errorf("%s came back as %s, %v", s, back, err)
		}
	}
	if s, err := sesuai.ParseStatus(""); err != nil || s != sesuai.Active {
		t.Errorf("no text is %s, %v", s, err)
	}
	if s, err := sesuai.ParseStatus("gone"); sesuai.KindOf(err) != sesuai.KindInvalidAttribute || s == sesuai.Active {
		t.Errorf("an unknown text is %s, %v", s, err)
	}
}

func TestOutcome(t *testing.T) {
	var zero sesuai.Outcome
	if zero != sesuai.NotCompared {
		t.Error("an outcome that nobody set is not NotCompared")
	}
	for o, want := range map[sesuai.Outcome]string{
		sesuai.NotCompared: "not_compared", sesuai.OutcomeOf(true): "match", sesuai.OutcomeOf(false): "non_match",
	} {
		if o.String() != want {
			t.Errorf("got %s, want %s", o, want)
		}
	}
}
