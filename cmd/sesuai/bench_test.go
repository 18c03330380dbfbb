package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/bench"
)

// measured is a report of a node with a capacity of 50 verifications a second.
func measured(planned *bench.Stage) *bench.Report {
	return &bench.Report{
		Cores: 2, Workers: 2, SyncMS: 5, Inference: bench.Inference{MS: 17.8, PerSecond: 69}, MemoryMiB: 206,
		Stages:  []bench.Stage{{AtOnce: 1, Seconds: 2, Verdicts: 100, PerSecond: 50, P50MS: 20, P99MS: 30, CPUMS: 20}},
		Planned: planned,
		Load:    &bench.Load{PerSecond: 50, Capacity: 50, PlannedShare: 0.7, Nodes: 2, Busy: 0.5},
	}
}

// TestBenchTextOfRefusals: a time within which 99 % are answered is said only if
// all were answered.
func TestBenchTextOfRefusals(t *testing.T) {
	const all = "where 99 % are\nanswered within"
	for name, tt := range map[string]struct {
		planned *bench.Stage
		has     []string
		not     []string
	}{
		"none": {
			&bench.Stage{Rate: 35, Verdicts: 70, P50MS: 40, P99MS: 187},
			[]string{all + " 187 ms.\n", " 187.0 ms "},
			[]string{"refused", "–"},
		},
		"some": {
			&bench.Stage{Rate: 35, Verdicts: 60, Refused: 10, P50MS: 40, P99MS: 187},
			[]string{"at 70 % of that.\nThere 10 of 70 requests were refused: a limit of the configuration", "Of the answered ones 99 % took at most 187 ms.", "more nodes"},
			[]string{all},
		},
		"all": {
			&bench.Stage{Rate: 35, Refused: 70},
			[]string{"There 70 of 70 requests were refused: a limit of the configuration", "more nodes", "70 of 70", "–"},
			[]string{all, "99 %", " 0 ms", " 0.0 ms"},
		},
		"not run": {nil, []string{"at 70 % of that.\nThe load"}, []string{"99 %", "refused"}},
		"no request was due": {
			&bench.Stage{Rate: 0.01}, []string{"at 70 % of that.\nThe load"}, []string{"99 %", "refused", " 0.0 ms"},
		},
	} {
		got := benchText(measured(tt.planned))
		for _, want := range tt.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
		for _, no := range tt.not {
			if strings.Contains(got, no) {
				t.Errorf("%s: %q in\n%s", name, no, got)
			}
		}
	}
}

// TestBenchTextWhenStopped: nothing is said of what was not measured.
func TestBenchTextWhenStopped(t *testing.T) {
	r := &bench.Report{Cores: 2, Workers: 2, SyncMS: 5, Inference: bench.Inference{MS: 17.8}}
	got := benchText(r)
	if !strings.Contains(got, " 5.00 ms\n") || !strings.HasSuffix(got, "17.8 ms alone\n") {
		t.Error(got)
	}
	r.Inference.PerSecond = 69
	if got = benchText(r); !strings.HasSuffix(got, "17.8 ms alone, 69 photographs a second by all workers\n") {
		t.Error(got)
	}
}

// TestDescribeJoined: a failure to clean up is said beside what failed first.
func TestDescribeJoined(t *testing.T) {
	err := errors.Join(
		&sesuai.Error{Kind: sesuai.KindUnavailable, Detail: "stopped before all was measured"},
		errors.Join(errors.New("the folder is busy")),
	)
	if got, want := describe(err), "stopped before all was measured; the folder is busy"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
