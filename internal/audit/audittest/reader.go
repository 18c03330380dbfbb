package audittest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
)

// TestEvents: a filter selects events by each of its fields, the last one first.
func (s suite) TestEvents(t *testing.T) {
	l := s.open(t)
	first := Event(t, 1, "a")
	second := Event(t, 2, "b")
	second.Time, second.Client = first.Time.Add(time.Hour), "cli_other"
	second.Flags = audit.SuspectedReplay | audit.CoarseAnswer
	second.Result, second.Reason = audit.Refused, string(sesuai.KindFaceQuality)
	third := Event(t, 1, "c")
	third.Reference = "order 7"
	third.Time, third.Result, third.Reason = first.Time.Add(2*time.Hour), audit.Verified, string(sesuai.ReasonVerified)
	change := audit.Event{Time: third.Time, Client: "cli_other", Result: audit.Changed, NameScore: -1, Action: audit.ClientRemoved, Actor: "root"}
	for _, e := range []audit.Event{first, second, third, change} {
		appendTo(t, l, e)
	}
	for name, test := range map[string]struct {
		filter audit.Filter
		want   []int64
	}{
		"all":              {audit.Filter{}, []int64{4, 3, 2, 1}},
		"limit":            {audit.Filter{Limit: 2}, []int64{4, 3}},
		"since":            {audit.Filter{Since: second.Time}, []int64{4, 3, 2}},
		"since, excluded":  {audit.Filter{Since: second.Time.Add(time.Microsecond)}, []int64{4, 3}},
		"until, excluded":  {audit.Filter{Until: third.Time}, []int64{2, 1}},
		"one time":         {audit.Filter{Since: second.Time, Until: third.Time}, []int64{2}},
		"after":            {audit.Filter{After: 2}, []int64{4, 3}},
		"after, limit":     {audit.Filter{After: 1, Limit: 1}, []int64{4}},
		"before":           {audit.Filter{Before: 3}, []int64{2, 1}},
		"before, limit":    {audit.Filter{Before: 4, Limit: 2}, []int64{3, 2}},
		"one number":       {audit.Filter{After: 1, Before: 3, Limit: 1}, []int64{2}},
		"before any":       {audit.Filter{Before: 1}, nil},
		"before later":     {audit.Filter{Before: 9}, []int64{4, 3, 2, 1}},
		"client":           {audit.Filter{Client: "cli_other"}, []int64{4, 2}},
		"request":          {audit.Filter{RequestIDs: []string{"a"}}, []int64{1}},
		"requests":         {audit.Filter{RequestIDs: []string{"a", "d", "c"}}, []int64{3, 1}},
		"reference":        {audit.Filter{References: []string{"order 7", "order 8"}}, []int64{3}},
		"ids":              {audit.Filter{IDs: []string{"a", "order 7"}}, []int64{3, 1}},
		"no reference":     {audit.Filter{References: []string{"a"}}, nil},
		"of one client":    {audit.Filter{RequestIDs: []string{"a", "b"}, Client: "cli_other"}, []int64{2}},
		"NIK":              {audit.Filter{NIK: first.NIK}, []int64{3, 1}},
		"part of a reason": {audit.Filter{Reason: "NAME does"}, []int64{1}},
		"kind":             {audit.Filter{Reason: "face_quality"}, []int64{2}},
		"no wildcards":     {audit.Filter{Reason: "face%quality"}, nil},
		"nor this one":     {audit.Filter{Reason: "name_does"}, nil},
		"flag":             {audit.Filter{Flags: audit.CoarseAnswer}, []int64{2}},
		"flags":            {audit.Filter{Flags: audit.CoarseAnswer | audit.ScoreTooHigh}, nil},
		"action":           {audit.Filter{Reason: "client.rem"}, []int64{4}},
		"verifications":    {audit.Filter{Of: audit.OnlyVerifications, Limit: 2}, []int64{3, 2}},
		"changes":          {audit.Filter{Of: audit.OnlyChanges}, []int64{4}},
		"several":          {audit.Filter{NIK: first.NIK, Reason: "success", Since: second.Time, Limit: 9}, []int64{3}},
		"none":             {audit.Filter{RequestIDs: []string{"d"}}, nil},
	} {
		AssertEvents(t, l, name, test.filter, test.want)
	}
}

// AssertEvents reports an error if the filter does not select the events with these
// numbers, in this order. It calls the filter name.
func AssertEvents(t *testing.T, r audit.Reader, name string, f audit.Filter, want []int64) {
	t.Helper()
	events, err := r.Events(t.Context(), f)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	var got []int64
	for _, e := range events {
		got = append(got, e.Seq)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	if f.Limit > 0 {
		return
	}
	var each []int64
	if err := r.Each(t.Context(), f, func(e audit.Entry) error { each = append(each, e.Seq); return nil }); err != nil {
		t.Errorf("%s: Each = %v", name, err)
	}
	slices.Reverse(each)
	if diff := cmp.Diff(want, each); diff != "" {
		t.Errorf("%s: Each (-want +got):\n%s", name, diff)
	}
}

// TestEachEndsWithAnError: an error of the function ends it.
func (s suite) TestEachEndsWithAnError(t *testing.T) {
	l := s.open(t)
	for n := range 3 {
		appendTo(t, l, Event(t, n, "a"))
	}
	want, calls := errors.New("full"), 0
	if err := l.Each(t.Context(), audit.Filter{}, func(audit.Entry) error { calls++; return want }); !errors.Is(err, want) || calls != 1 {
		t.Errorf("Each = %v after %d calls", err, calls)
	}
}

// TestEventsAreRead: an event is read as it was appended.
func (s suite) TestEventsAreRead(t *testing.T) {
	l := s.open(t)
	e := Event(t, 1, "a")
	e.Flags, e.LivenessKnown, e.Liveness, e.LivenessThreshold = audit.SuspectedReplay, true, 0.125, 0.5
	e.Measures = []string{"sharpness", "eyes_open"}
	e.Cosine, e.ReferenceLength, e.ProbeLength = 0.625, 3.5, 2.75
	e.Endpoint = audit.DataVerification
	e.Attributes = []audit.AttributeOutcome{{Attribute: sesuai.RT, Outcome: sesuai.Match}, {Attribute: sesuai.RW, Outcome: sesuai.NonMatch}}
	e.Reference = "order-7"
	e.Consent = sesuai.Consent{ID: "consent-7", GivenAt: e.Time, Purpose: "account_opening"}
	appendTo(t, l, e)
	events, err := l.Events(t.Context(), audit.Filter{})
	if err != nil || len(events) != 1 {
		t.Fatalf("Events = %v, %v", events, err)
	}
	want := audit.NewEntry(e, events[0].NIK)
	want.Seq, want.Hash = 1, events[0].Hash
	if diff := cmp.Diff(want, events[0]); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
}

// TestReadingEndsWithItsContext: what was read until then is not all.
func (s suite) TestReadingEndsWithItsContext(t *testing.T) {
	l := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Events(ctx, audit.Filter{}); sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("Events = %v", err)
	}
}
