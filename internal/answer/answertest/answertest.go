// Package answertest has the conformance tests of answer.Answers, and Answers in memory
// for the tests of packages that use them. It is for tests only, and leaves it to the
// implementations to show that what they store is sealed.
package answertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/conformance"
)

// Answers are answers that can be added to.
type Answers interface {
	answer.Answers
	// Add adds answers in a transaction of its own.
	Add(ctx context.Context, rows ...answer.Row) error
}

// MaxAge is how long an answer can be found in the tests.
const MaxAge = 24 * time.Hour

// Run runs the conformance tests on Answers that open returns, without any. They are
// as old as now says.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Answers) {
	conformance.Run(t, suite{open})
}

type suite struct {
	open func(t *testing.T, now func() time.Time) Answers
}

// Noon is when the answers of the tests were given.
var Noon = time.Date(2026, 11, 23, 5, 0, 0, 123456000, time.UTC)

func noon() time.Time { return Noon }

// Row is the n-th answer of a client, to a request with that id and reference.
func Row(n int, client, id, reference string) answer.Row {
	basis := answer.Basis{
		Time: Noon.Add(-time.Microsecond), Threshold: 75.5, Model: "model", Calibration: "calibration",
		Images: []answer.Image{{Field: "captured_image", SHA256: [32]byte{byte(n), 31: 1}}, {Field: "stored_image"}},
	}
	return answer.Row{
		Seq: int64(n), At: Noon, Client: client, Endpoint: "face_verification",
		Answer: answer.Answer{Request: id, Reference: reference, Status: 200, Body: fmt.Appendf(nil, `{"n":%d,"<&>":"é\u2028\\"}`, n), Basis: basis},
	}
}

// add adds answers.
func add(t *testing.T, a Answers, rows ...answer.Row) {
	t.Helper()
	if err := a.Add(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
}

// AssertFound compares what a look-up has found.
func AssertFound(t *testing.T, about string, got answer.Found, err error, want ...answer.Row) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", about, err)
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" || got.More {
		t.Errorf("%s (-want +got):\n%s and more: %t", about, diff, got.More)
	}
}

// TestFound: a client finds its answers by either id, and nobody else's.
func (s suite) TestFound(t *testing.T) {
	a := s.open(t, noon)
	ctx := t.Context()
	one, other := Row(1, "cli_a", "request-1", "order-7"), Row(2, "cli_b", "request-1", "order-7")
	bare, refused := Row(3, "cli_a", "order-7", ""), Row(4, "cli_a", "request-4", "request-1")
	bare.Basis = answer.Basis{}
	refused.Endpoint, refused.Status = "face_match", 400
	add(t, a, one)
	add(t, a, other, bare, refused)

	found, err := a.ByRequest(ctx, "cli_a", "request-1")
	AssertFound(t, "by request", found, err, one)
	found, err = a.ByReference(ctx, "cli_a", "order-7")
	AssertFound(t, "by reference", found, err, one)
	found, err = a.ByReference(ctx, "cli_a", "request-1")
	AssertFound(t, "a reference like another's request id", found, err, refused)
	found, err = a.ByReference(ctx, "cli_b", "order-7")
	AssertFound(t, "of the other client", found, err, other)
	for about, look := range map[string]func(context.Context, string, string) (answer.Found, error){"request": a.ByRequest, "reference": a.ByReference} {
		for _, client := range []string{"cli_a", "cli_c", ""} {
			found, err = look(ctx, client, "request-9")
			AssertFound(t, "an unknown "+about, found, err)
		}
		found, err = look(ctx, "cli_a", "")
		AssertFound(t, "no "+about, found, err)
	}
	found, err = a.ByRequest(ctx, "cli_b", "request-4")
	AssertFound(t, "another client's", found, err)
}

// TestLatestFirst: of many answers with one id the latest are found.
func (s suite) TestLatestFirst(t *testing.T) {
	a := s.open(t, noon)
	var rows, want []answer.Row
	for n := 1; n <= answer.MaxFound; n++ {
		rows = append(rows, Row(n, "cli_a", "request-1", "order-7"))
		want = append([]answer.Row{rows[n-1]}, want...)
	}
	add(t, a, rows...)
	found, err := a.ByReference(t.Context(), "cli_a", "order-7")
	AssertFound(t, "as many as there may be", found, err, want...)

	latest := Row(answer.MaxFound+1, "cli_a", "request-1", "order-7")
	add(t, a, latest)
	want = append([]answer.Row{latest}, want[:answer.MaxFound-1]...)
	found, err = a.ByRequest(t.Context(), "cli_a", "request-1")
	if !found.More {
		t.Error("there are no more")
	}
	found.More = false
	AssertFound(t, "more than there may be", found, err, want...)
}

// TestOld: an answer is found until it has the maximum age.
func (s suite) TestOld(t *testing.T) {
	now := Noon
	a := s.open(t, func() time.Time { return now })
	row := Row(1, "cli_a", "request-1", "order-7")
	add(t, a, row)
	now = Noon.Add(MaxAge)
	found, err := a.ByRequest(t.Context(), "cli_a", "request-1")
	AssertFound(t, "at the maximum age", found, err, row)
	now = now.Add(time.Microsecond)
	found, err = a.ByRequest(t.Context(), "cli_a", "request-1")
	AssertFound(t, "older", found, err)
	found, err = a.ByReference(t.Context(), "cli_a", "order-7")
	AssertFound(t, "older, by reference", found, err)
}

// TestEnded: an ended context is an error, and nothing is found.
func (s suite) TestEnded(t *testing.T) {
	a := s.open(t, noon)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	found, err := a.ByRequest(ctx, "cli_a", "request-1")
	if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) || len(found.Rows) != 0 {
		t.Errorf("ByRequest = %+v, %v", found, err)
	}
}
