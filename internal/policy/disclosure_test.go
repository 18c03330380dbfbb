package policy_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/policy"
)

// TestDisclosures holds Disclose to every row of the tables.
func TestDisclosures(t *testing.T) {
	tables, err := os.ReadFile("testdata/disclosure.txtar")
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
		if chapter == "" || line == "" || strings.HasPrefix(line, "misses ") {
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) != 3 {
			t.Fatalf("a row has three parts, this one has not: %s", line)
		}
		want := strings.Join(strings.Fields(cells[1]), " ") + " | " + strings.TrimSpace(cells[2])
		for _, r := range disclosureRows(t, strings.Fields(cells[0])) {
			detail := policy.DefaultDisclosure().After(r.misses, r.precision)
			if got := tell(policy.Disclose(policy.Decide(r.evidence), r.evidence.Threshold, detail)); got != want {
				t.Errorf("-- %s\n     %s, %d misses\n got %s\nwant %s", chapter, cells[0], r.misses, got, want)
			}
		}
		rows++
	}
	if rows < 30 {
		t.Errorf("only %d rows were found", rows)
	}
}

// disclosureRow is what a row says about one number of misses.
type disclosureRow struct {
	misses    int
	precision sesuai.Precision
	evidence  policy.Evidence
}

// disclosureRows reads the first part of a row: one for each number of misses.
func disclosureRows(t *testing.T, cells []string) (all []disclosureRow) {
	t.Helper()
	if len(cells) != 5 {
		t.Fatalf("want five cells: %q", cells)
	}
	precision, err := sesuai.ParsePrecision(cells[1])
	if err != nil {
		t.Fatal(err)
	}
	e := policy.Evidence{
		Found: cells[4] != "absent", NameScore: 100, NameThreshold: 85, DateOfBirth: sesuai.Match,
		Threshold: sesuai.PercentageOf(75),
	}
	if cells[2] == "differs" {
		e.NameScore = 84
	}
	if cells[3] == "differs" {
		e.DateOfBirth = sesuai.NonMatch
	}
	switch cells[4] {
	case "absent", "none":
	case "dead":
		e.Status = sesuai.Deceased
	default:
		e.Portrait, e.Percentage = true, percentage(t, cells[4])
	}
	var first, last int
	if _, err := fmt.Sscanf(cells[0], "%d-%d", &first, &last); err != nil {
		t.Fatalf("%q: %v", cells[0], err)
	}
	for misses := first; misses <= last; misses++ {
		all = append(all, disclosureRow{misses, precision, e})
	}
	return all
}

// TestDisclosureOff: without limits of misses the client's setting alone counts.
func TestDisclosureOff(t *testing.T) {
	for _, p := range []sesuai.Precision{sesuai.PrecisionExact, sesuai.PrecisionTens, sesuai.PrecisionNone} {
		if got := (policy.Disclosure{}).After(1000, p); got != (policy.Detail{Precision: p, Attributes: true}) {
			t.Errorf("%v: %+v", p, got)
		}
	}
}

// drawEvidence draws evidence about a person on record. What outsider draws is what a
// caller without the face and without the data can know of it.
func drawEvidence(t *rapid.T, outsider policy.Evidence) policy.Evidence {
	e := outsider
	e.NameScore = rapid.SampledFrom([]int{-1, 0, 84, 85, 100, 100}).Draw(t, "name score")
	e.DateOfBirth = rapid.SampledFrom([]sesuai.Outcome{sesuai.NotCompared, sesuai.Match, sesuai.Match, sesuai.NonMatch}).Draw(t, "date of birth")
	return e
}

func drawOutsider(t *rapid.T) policy.Evidence {
	mostly := rapid.SampledFrom([]bool{true, true, true, true, false})
	threshold := rapid.Float64Range(75, 100).Draw(t, "threshold")
	percentages := rapid.OneOf(rapid.Float64Range(0, threshold), rapid.Float64Range(threshold, 100))
	return policy.Evidence{
		Found:         mostly.Draw(t, "found"),
		Status:        rapid.SampledFrom([]sesuai.Status{sesuai.Active, sesuai.Active, sesuai.Active, sesuai.Deceased}).Draw(t, "status"),
		NameThreshold: 85,
		Portrait:      mostly.Draw(t, "portrait"),
		Percentage:    sesuai.PercentageOf(percentages.Draw(t, "percentage")),
		Threshold:     sesuai.PercentageOf(threshold),
	}
}

func drawDetail(t *rapid.T, label string) policy.Detail {
	d := policy.Disclosure{ExactMisses: rapid.IntRange(0, 12).Draw(t, label+" exact"), TensMisses: rapid.IntRange(0, 12).Draw(t, label+" tens")}
	p := rapid.SampledFrom([]sesuai.Precision{sesuai.PrecisionExact, sesuai.PrecisionTens, sesuai.PrecisionNone})
	return d.After(rapid.IntRange(0, 14).Draw(t, label+" misses"), p.Draw(t, label+" client"))
}

// TestDisclosesNoMore: what is disclosed is never more than the verdict says, and a
// verified answer is untouched. The verdict on the threshold stays legible: a
// percentage reaches it if and only if the face passed.
func TestDisclosesNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t, drawOutsider(t))
		v, detail := policy.Decide(e), drawDetail(t, "detail")
		got := policy.Disclose(v, e.Threshold, detail)
		if v.Verified && got != v {
			t.Errorf("a verified answer changed: %+v: %+v", v, got)
		}
		if got.Verified != v.Verified || got.NIK != v.NIK || got.Reason == "" {
			t.Errorf("%+v: %+v", v, got)
		}
		if got.Name != v.Name && got.Name != sesuai.NotCompared || got.DateOfBirth != v.DateOfBirth && got.DateOfBirth != sesuai.NotCompared {
			t.Errorf("an outcome changed to another one: %+v: %+v", v, got)
		}
		if got.Face.Known() != v.Face.Known() || got.Face.Value() > v.Face.Value() {
			t.Errorf("the percentage rose: %+v: %+v", v, got)
		}
		if got.Face.AtLeast(e.Threshold) != v.Face.AtLeast(e.Threshold) {
			t.Errorf("threshold %v: the face passed in one of %+v and %+v", e.Threshold, v, got)
		}
	})
}

// TestLaterAnswersSayLess: what is disclosed with less detail can be told from what is
// disclosed with more.
func TestLaterAnswersSayLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t, drawOutsider(t))
		v, one, other := policy.Decide(e), drawDetail(t, "one"), drawDetail(t, "other")
		both := policy.Detail{Precision: max(one.Precision, other.Precision), Attributes: one.Attributes && other.Attributes}
		got := policy.Disclose(policy.Disclose(v, e.Threshold, one), e.Threshold, other)
		if want := policy.Disclose(v, e.Threshold, both); got != want {
			t.Errorf("%+v, then with %+v and %+v: %+v, want %+v", v, one, other, got, want)
		}
	})
}

// TestNothingToClimbOn: two answers that do not verify the person are equal if the
// percentages lie in one ten, on the same side of the threshold: whatever name and date
// are. With no precision the side of the threshold alone counts.
func TestNothingToClimbOn(t *testing.T) {
	for _, precision := range []sesuai.Precision{sesuai.PrecisionTens, sesuai.PrecisionNone} {
		rapid.Check(t, func(t *rapid.T) {
			outsider := drawOutsider(t)
			one := drawEvidence(t, outsider)
			low, high := outsider.Percentage.Tens().Value(), min(outsider.Percentage.Tens().Value()+9.99, 100)
			if precision == sesuai.PrecisionNone {
				low, high = 0, outsider.Threshold.Value()-0.01
			}
			if outsider.Percentage.AtLeast(outsider.Threshold) {
				low, high = outsider.Threshold.Value(), 100
			} else {
				high = min(high, outsider.Threshold.Value()-0.01)
			}
			outsider.Percentage = sesuai.PercentageOf(rapid.Float64Range(low, max(low, high)).Draw(t, "other percentage"))
			other := drawEvidence(t, outsider)
			v, w := policy.Decide(one), policy.Decide(other)
			if v.Verified || w.Verified {
				return
			}
			detail := policy.Detail{Precision: precision}
			got, want := policy.Disclose(v, one.Threshold, detail), policy.Disclose(w, other.Threshold, detail)
			if got != want {
				t.Errorf("threshold %v\n%+v: %+v\n%+v: %+v", one.Threshold, v, got, w, want)
			}
		})
	}
}

// TestDiscloseData: what is told of data after misses.
func TestDiscloseData(t *testing.T) {
	type outcomes = map[sesuai.Attribute]sesuai.Outcome
	const no, yes, none = sesuai.NonMatch, sesuai.Match, sesuai.NotCompared
	for about, test := range map[string]struct {
		evidence policy.DataEvidence
		want     sesuai.DataVerdict
	}{
		"name differs": {
			policy.DataEvidence{Found: true, NameClaimed: true, NameScore: 40, NameThreshold: 85, DateClaimed: true, DateOfBirth: yes, Attributes: outcomes{sesuai.RT: yes}},
			sesuai.DataVerdict{Reason: "Data does not match", NIK: yes, Attributes: outcomes{sesuai.RT: none}},
		},
		"an attribute differs": {
			policy.DataEvidence{Found: true, NameClaimed: true, NameScore: 90, NameThreshold: 85, Attributes: outcomes{sesuai.RT: no, sesuai.RW: yes}},
			sesuai.DataVerdict{Reason: "Data does not match", NIK: yes, Attributes: outcomes{sesuai.RT: none, sesuai.RW: none}},
		},
		"an attribute is not held, and the name differs": {
			policy.DataEvidence{Found: true, NameClaimed: true, NameScore: 40, NameThreshold: 85, Attributes: outcomes{sesuai.RW: no, sesuai.MotherMaidenName: none, sesuai.RT: none}},
			sesuai.DataVerdict{Reason: "Mother maiden name is not available on Dukcapil database", NIK: yes, Attributes: outcomes{sesuai.RW: none, sesuai.MotherMaidenName: none, sesuai.RT: none}},
		},
		"inactive": {
			policy.DataEvidence{Found: true, Status: sesuai.Inactive, NameClaimed: true, NameScore: 90, NameThreshold: 85, DateClaimed: true, DateOfBirth: no, Attributes: outcomes{sesuai.RW: none}},
			sesuai.DataVerdict{Reason: "NIK is not active on Dukcapil database", NIK: yes, Attributes: outcomes{sesuai.RW: none}},
		},
		"not on record": {
			policy.DataEvidence{NameClaimed: true, Attributes: outcomes{sesuai.RW: no}},
			sesuai.DataVerdict{Reason: "NIK not found on Dukcapil database", NIK: no, Attributes: outcomes{sesuai.RW: none}},
		},
		"all matches": {
			policy.DataEvidence{Found: true, NameClaimed: true, NameScore: 90, NameThreshold: 85, Attributes: outcomes{sesuai.RW: yes}},
			sesuai.DataVerdict{Verified: true, Reason: "Verification Success", NIK: yes, Name: yes, Attributes: outcomes{sesuai.RW: yes}},
		},
	} {
		t.Run(about, func(t *testing.T) {
			v := policy.DecideData(test.evidence)
			if diff := cmp.Diff(test.want, policy.DiscloseData(v, policy.Detail{})); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(v, policy.DiscloseData(v, policy.Detail{Attributes: true})); diff != "" {
				t.Errorf("with its attributes it is not the verdict:\n%s", diff)
			}
		})
	}
}

// TestNothingToGuess: two answers about one record and the same attributes are equal
// unless one verifies the person, whatever was claimed.
func TestNothingToGuess(t *testing.T) {
	compared := rapid.SampledFrom([]sesuai.Outcome{sesuai.Match, sesuai.NonMatch})
	rapid.Check(t, func(t *rapid.T) {
		one := policy.DataEvidence{
			Found: rapid.Bool().Draw(t, "found"), Status: rapid.SampledFrom([]sesuai.Status{sesuai.Active, sesuai.Deceased}).Draw(t, "status"),
			NameClaimed: rapid.Bool().Draw(t, "name claimed"), DateClaimed: rapid.Bool().Draw(t, "date claimed"), NameThreshold: 85,
			Attributes: make(map[sesuai.Attribute]sesuai.Outcome),
		}
		other := one
		other.Attributes = make(map[sesuai.Attribute]sesuai.Outcome)
		for i, e := range []*policy.DataEvidence{&one, &other} {
			e.NameScore = rapid.SampledFrom([]int{0, 84, 85, 100}).Draw(t, fmt.Sprint("name score ", i))
			e.DateOfBirth = compared.Draw(t, fmt.Sprint("date of birth ", i))
		}
		for _, a := range sesuai.Attributes {
			switch rapid.IntRange(0, 2).Draw(t, string(a)) {
			case 1: // not held
				one.Attributes[a], other.Attributes[a] = sesuai.NotCompared, sesuai.NotCompared
			case 2:
				one.Attributes[a] = compared.Draw(t, string(a)+" of one")
				other.Attributes[a] = compared.Draw(t, string(a)+" of the other")
			}
		}
		v, w := policy.DecideData(one), policy.DecideData(other)
		if v.Verified || w.Verified || v.Reason == sesuai.ReasonVerified || w.Reason == sesuai.ReasonVerified {
			return
		}
		if diff := cmp.Diff(policy.DiscloseData(v, policy.Detail{}), policy.DiscloseData(w, policy.Detail{})); diff != "" {
			t.Error(diff)
		}
	})
}
