package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/policy"
)

// TestDecideData: what is told of each claim, and which reason comes first.
func TestDecideData(t *testing.T) {
	type outcomes = map[sesuai.Attribute]sesuai.Outcome
	const no, yes, none = sesuai.NonMatch, sesuai.Match, sesuai.NotCompared
	for about, test := range map[string]struct {
		evidence policy.DataEvidence
		want     sesuai.DataVerdict
	}{
		"all matches": {
			policy.DataEvidence{Found: true, NameClaimed: true, NameScore: 90, NameThreshold: 85, DateClaimed: true, DateOfBirth: yes, Attributes: outcomes{sesuai.RT: yes}},
			sesuai.DataVerdict{Verified: true, Reason: "Verification Success", NIK: yes, Name: yes, DateOfBirth: yes, Attributes: outcomes{sesuai.RT: yes}},
		},
		"one attribute alone": {
			policy.DataEvidence{Found: true, NameScore: -1, NameThreshold: 85, Attributes: outcomes{sesuai.Gender: yes}},
			sesuai.DataVerdict{Verified: true, Reason: "Verification Success", NIK: yes, Attributes: outcomes{sesuai.Gender: yes}},
		},
		"not on record": {
			policy.DataEvidence{NameClaimed: true, NameScore: 100, NameThreshold: 85, Attributes: outcomes{sesuai.Gender: yes}},
			sesuai.DataVerdict{Reason: "NIK not found on Dukcapil database", NIK: no, Attributes: outcomes{sesuai.Gender: none}},
		},
		"deceased, and nothing was compared": {
			policy.DataEvidence{Found: true, Status: sesuai.Deceased, NameClaimed: true, NameScore: -1, NameThreshold: 85, DateClaimed: true, Attributes: outcomes{sesuai.Gender: none}},
			sesuai.DataVerdict{Reason: "NIK is not active on Dukcapil database", NIK: yes, Attributes: outcomes{sesuai.Gender: none}},
		},
		"inactive, and all was compared": {
			policy.DataEvidence{Found: true, Status: sesuai.Inactive, NameClaimed: true, NameScore: 50, NameThreshold: 85, DateClaimed: true, DateOfBirth: yes},
			sesuai.DataVerdict{Reason: "NIK is not active on Dukcapil database", NIK: yes, Name: no, DateOfBirth: yes},
		},
		"name before date": {
			policy.DataEvidence{Found: true, NameClaimed: true, NameScore: 84, NameThreshold: 85, DateClaimed: true, DateOfBirth: no, Attributes: outcomes{sesuai.RT: no}},
			sesuai.DataVerdict{Reason: "Name does not match", NIK: yes, Name: no, DateOfBirth: no, Attributes: outcomes{sesuai.RT: no}},
		},
		"date before attributes": {
			policy.DataEvidence{Found: true, DateClaimed: true, DateOfBirth: no, Attributes: outcomes{sesuai.FamilyCardNumber: no}},
			sesuai.DataVerdict{Reason: "Date of birth does not match", NIK: yes, DateOfBirth: no, Attributes: outcomes{sesuai.FamilyCardNumber: no}},
		},
		"attributes in the contract's order": {
			policy.DataEvidence{Found: true, Attributes: outcomes{sesuai.RW: no, sesuai.PlaceOfBirth: no, sesuai.Address: yes}},
			sesuai.DataVerdict{Reason: "Place of birth does not match", NIK: yes, Attributes: outcomes{sesuai.RW: no, sesuai.PlaceOfBirth: no, sesuai.Address: yes}},
		},
		"an attribute that is not held": {
			policy.DataEvidence{Found: true, Attributes: outcomes{sesuai.MotherMaidenName: none, sesuai.RW: no}},
			sesuai.DataVerdict{Reason: "Mother maiden name is not available on Dukcapil database", NIK: yes, Attributes: outcomes{sesuai.MotherMaidenName: none, sesuai.RW: no}},
		},
		"numbers by their letters": {
			policy.DataEvidence{Found: true, Attributes: outcomes{sesuai.FamilyCardNumber: no, sesuai.RT: no}},
			sesuai.DataVerdict{Reason: "No KK does not match", NIK: yes, Attributes: outcomes{sesuai.FamilyCardNumber: no, sesuai.RT: no}},
		},
		"nothing was claimed": {
			policy.DataEvidence{Found: true, NameScore: 100, NameThreshold: 85, DateOfBirth: yes},
			sesuai.DataVerdict{Reason: "Verification Success", NIK: yes},
		},
		"a name without a threshold": {
			policy.DataEvidence{Found: true, NameClaimed: true, NameScore: 100},
			sesuai.DataVerdict{Reason: "Name does not match", NIK: yes, Name: no},
		},
	} {
		t.Run(about, func(t *testing.T) {
			if diff := cmp.Diff(test.want, policy.DecideData(test.evidence)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDecideDataFailsClosed: nobody is verified unless all that was claimed
// matched.
func TestDecideDataFailsClosed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outcome := rapid.SampledFrom([]sesuai.Outcome{sesuai.NotCompared, sesuai.Match, sesuai.NonMatch})
		e := policy.DataEvidence{
			Found:         rapid.Bool().Draw(t, "found"),
			Status:        rapid.SampledFrom([]sesuai.Status{sesuai.Active, sesuai.Deceased, sesuai.Inactive}).Draw(t, "status"),
			NameClaimed:   rapid.Bool().Draw(t, "name claimed"),
			DateClaimed:   rapid.Bool().Draw(t, "date claimed"),
			NameScore:     rapid.IntRange(-1, 101).Draw(t, "name score"),
			NameThreshold: rapid.IntRange(0, 100).Draw(t, "name threshold"),
			DateOfBirth:   outcome.Draw(t, "date"),
			Attributes:    rapid.MapOf(rapid.SampledFrom(append(sesuai.Attributes[:], "other")), outcome).Draw(t, "attributes"),
		}
		v := policy.DecideData(e)
		all := e.Found && e.Status == sesuai.Active && (e.NameClaimed || e.DateClaimed || len(e.Attributes) > 0)
		all = all && (!e.NameClaimed || v.Name == sesuai.Match) && (!e.DateClaimed || v.DateOfBirth == sesuai.Match)
		for a, outcome := range e.Attributes {
			all = all && outcome == sesuai.Match && a != "other"
		}
		if v.Verified != all || v.Verified && v.Reason != sesuai.ReasonVerified || len(v.Attributes) != len(e.Attributes) {
			t.Errorf("%+v: %+v", e, v)
		}
	})
}
