package policy_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/policy"
	"pgregory.net/rapid"
)

// TestDecisions holds Decide to every row of the tables.
func TestDecisions(t *testing.T) {
	tables, err := os.ReadFile("testdata/decisions.txtar")
	if err != nil {
		t.Fatal(err)
	}
	chapter, rows := "", 0
	for line := range strings.Lines(string(tables)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "-- "); ok {
			chapter = title
			continue
		}
		cells := strings.Split(line, "|")
		if chapter == "" || line == "" || strings.HasPrefix(line, "record ") {
			continue
		}
		if len(cells) != 3 {
			t.Fatalf("a row has three parts, this one has not: %s", line)
		}
		got := tell(policy.Decide(evidence(t, strings.Fields(cells[0]))))
		want := strings.Join(strings.Fields(cells[1]), " ") + " | " + strings.TrimSpace(cells[2])
		if got != want {
			t.Errorf("-- %s\n     %s\n got %s\nwant %s", chapter, cells[0], got, want)
		}
		rows++
	}
	if rows < 20 {
		t.Errorf("only %d rows were found", rows)
	}
}

// evidence reads the first part of a row.
func evidence(t *testing.T, cells []string) policy.Evidence {
	t.Helper()
	if len(cells) != 5 {
		t.Fatalf("want five cells: %q", cells)
	}
	// An absent person with the best of everything else must not be found.
	e := policy.Evidence{
		Found: cells[0] != "absent", NameScore: 100, NameThreshold: 85, DateOfBirth: sesuai.Match,
		Portrait: true, Percentage: sesuai.PercentageOf(100), Threshold: percentage(t, cells[4]),
	}
	if !e.Found {
		return e
	}
	var err error
	if e.Status, err = sesuai.ParseStatus(cells[0]); err != nil {
		t.Fatal(err)
	}
	if cells[1] == "none" {
		e.NameScore = -1
	} else if _, err := fmt.Sscanf(cells[1], "%d/%d", &e.NameScore, &e.NameThreshold); err != nil {
		t.Fatalf("%q: %v", cells[1], err)
	}
	e.DateOfBirth = map[string]sesuai.Outcome{
		"match": sesuai.Match, "differs": sesuai.NonMatch, "none": sesuai.NotCompared,
	}[cells[2]]
	e.Portrait = cells[3] != "none"
	e.Percentage = percentage(t, cells[3])
	return e
}

func percentage(t *testing.T, cell string) sesuai.Percentage {
	t.Helper()
	if cell == "?" || cell == "none" {
		return sesuai.Percentage{}
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		t.Fatal(err)
	}
	return sesuai.PercentageOf(v)
}

// tell writes a verdict as the right parts of a row.
func tell(v sesuai.Verdict) string {
	flag := map[sesuai.Outcome]string{sesuai.Match: "yes", sesuai.NonMatch: "no", sesuai.NotCompared: "null"}
	return fmt.Sprintf("%s %s %s %s %s | %s", flag[sesuai.OutcomeOf(v.Verified)],
		flag[v.NIK], flag[v.Name], flag[v.DateOfBirth], v.Face, v.Reason)
}

// TestEveryCombination goes through every combination of the values that a
// decision can turn on, and compares with rules said in another way.
func TestEveryCombination(t *testing.T) {
	percentages := []sesuai.Percentage{
		{}, sesuai.PercentageOf(0), sesuai.PercentageOf(74.99), sesuai.PercentageOf(75), sesuai.PercentageOf(100),
	}
	cases, verified := 0, 0
	for _, found := range []bool{false, true} {
		for status := sesuai.Active; status <= sesuai.Inactive+1; status++ { // one beyond the last
			for _, score := range []int{-1, 0, 84, 85, 86, 100, 101} {
				for _, nameThreshold := range []int{-1, 0, 85, 100, 101} {
					for date := sesuai.NotCompared; date <= sesuai.NonMatch+1; date++ {
						for _, portrait := range []bool{false, true} {
							for _, p := range percentages {
								for _, threshold := range percentages {
									e := policy.Evidence{
										Found: found, Status: status, NameScore: score, NameThreshold: nameThreshold,
										DateOfBirth: date, Portrait: portrait, Percentage: p, Threshold: threshold,
									}
									v := policy.Decide(e)
									check(t, e, v)
									cases++
									if v.Verified {
										verified++
									}
								}
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d combinations, %d verified", cases, verified)
	if verified == 0 {
		t.Error("nobody is ever verified")
	}
}

// TestAnyEvidence is the same for any values at all.
func TestAnyEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := func(label string) sesuai.Percentage {
			if rapid.Bool().Draw(t, label+" known") {
				return sesuai.PercentageOf(rapid.Float64Range(-10, 110).Draw(t, label))
			}
			return sesuai.Percentage{}
		}
		e := policy.Evidence{
			Found:         rapid.Bool().Draw(t, "found"),
			Status:        sesuai.Status(rapid.Uint8Range(0, 3).Draw(t, "status")),
			NameScore:     rapid.IntRange(-5, 105).Draw(t, "name score"),
			NameThreshold: rapid.IntRange(-5, 105).Draw(t, "name threshold"),
			DateOfBirth:   sesuai.Outcome(rapid.Uint8Range(0, 3).Draw(t, "date")),
			Portrait:      rapid.Bool().Draw(t, "portrait"),
			Percentage:    known("percentage"),
			Threshold:     known("threshold"),
		}
		check(t, e, policy.Decide(e))
	})
}

// check holds a verdict to what must be true of every one.
func check(t interface{ Errorf(string, ...any) }, e policy.Evidence, v sesuai.Verdict) {
	fail := func(rule string) { t.Errorf("%s:\n%+v\n%+v", rule, e, v) }

	everything := e.Found && e.Status == sesuai.Active &&
		e.NameThreshold >= 1 && e.NameScore >= e.NameThreshold && e.NameScore <= 100 &&
		e.DateOfBirth == sesuai.Match && e.Portrait && e.Percentage.Known() &&
		e.Threshold.Known() && e.Percentage.Value() >= e.Threshold.Value()
	if v.Verified != everything {
		fail("verified exactly when everything was compared and came out well")
	}
	if v.Verified != (v.Reason == sesuai.ReasonVerified) {
		fail("the reason says whether the person is verified")
	}
	if v.Verified && (v.NIK != sesuai.Match || v.Name != sesuai.Match || v.DateOfBirth != sesuai.Match) {
		fail("verified means that every flag is true")
	}
	if e.Found != (v.NIK == sesuai.Match) || v.NIK == sesuai.NotCompared {
		fail("the NIK's flag is whether it is on record")
	}
	if !e.Found && v != (sesuai.Verdict{Reason: sesuai.ReasonNIKNotFound, NIK: sesuai.NonMatch, Face: sesuai.PercentageOf(0)}) {
		fail("nothing is told about a NIK that is not on record")
	}
	silent := e.Status != sesuai.Active && e.NameScore < 0
	if e.Found && ((v.Name == sesuai.NotCompared) != silent || v.DateOfBirth != e.DateOfBirth) {
		fail("name and date are told as they were compared")
	}
	if e.Found && v.Face.Known() && (e.Status != sesuai.Active || !e.Portrait || v.Face != e.Percentage) {
		fail("a percentage is that of a comparison that was made")
	}
	if v.Reason == "" || v.Reason == sesuai.ReasonRegistryFailed {
		fail("a verdict has a reason, and never that there is none")
	}
}

// TestBetterFace: with all else equal, a better face never turns a verified
// person into one who is not.
func TestBetterFace(t *testing.T) {
	e := policy.Evidence{
		Found: true, NameScore: 90, NameThreshold: 85, DateOfBirth: sesuai.Match,
		Portrait: true, Threshold: sesuai.PercentageOf(75),
	}
	var turns []string
	was := false
	for hundredths := range 100_01 {
		e.Percentage = sesuai.PercentageOf(float64(hundredths) / 100)
		if v := policy.Decide(e); v.Verified != was {
			was = v.Verified
			turns = append(turns, v.Face.String())
		}
	}
	if diff := cmp.Diff([]string{"75"}, turns); diff != "" {
		t.Errorf("the verdict turns once, at the threshold (-want +got):\n%s", diff)
	}
}
