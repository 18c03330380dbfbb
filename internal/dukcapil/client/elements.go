package client

import (
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/attribute"
	"github.com/sesuai/sesuai/internal/registry"
)

// element is an element of the data check and the value that is claimed of it.
type element struct{ key, value string }

// elementsOf are the elements that an attribute is sent as, by our words for
// their keys: one, or one for each level of a region's code.
func elementsOf(a sesuai.Attribute, claimed string) []element {
	code := attribute.RegionCode(claimed)
	if code == "" || !slices.Contains(regionLevels[:], a) {
		return []element{{string(a), attribute.Canonical(a, claimed)}}
	}
	var all []element
	for i, digits := range []int{2, 2, 2, 4} {
		if len(code) < digits {
			break
		}
		all = append(all, element{string(regionLevels[i]) + "_code", code[:digits]})
		code = code[digits:]
	}
	return all
}

// regionLevels are the levels of a region's code, from the province down.
var regionLevels = [...]sesuai.Attribute{sesuai.Province, sesuai.City, sesuai.District, sesuai.Subdistrict}

// addElements adds the claimed attributes to the fields of a request. If two codes
// contradict each other, the first is sent.
func (w *dataWire) addElements(fields map[string]any, claim sesuai.Claim) {
	for _, a := range sesuai.Attributes {
		claimed, ok := claim.Attributes[a]
		if !ok {
			continue
		}
		for _, e := range elementsOf(a, claimed.Reveal()) {
			if _, sent := fields[w.keys[e.key]]; !sent {
				fields[w.keys[e.key]] = e.value
			}
		}
	}
}

// agreements reads what a row says about the claimed attributes. What the row does
// not mention was not compared: agreements differ in the elements that they cover.
// what is a fixed word for what was not as expected, or empty.
func (w *dataWire) agreements(row object, claim sesuai.Claim) (all map[sesuai.Attribute]registry.Agreement, disputed bool, what string) {
	if len(claim.Attributes) == 0 {
		return nil, false, ""
	}
	all = make(map[sesuai.Attribute]registry.Agreement, len(claim.Attributes))
	sent := make(map[string]string)
	for _, a := range sesuai.Attributes {
		claimed, ok := claim.Attributes[a]
		if !ok {
			continue
		}
		result := registry.Agreement{Outcome: sesuai.Match, Score: registry.NotScored}
		for _, e := range elementsOf(a, claimed.Reveal()) {
			if value, ok := sent[e.key]; ok && value != e.value {
				result.Outcome = sesuai.NonMatch // it contradicts another claim
				continue
			}
			sent[e.key] = e.value
			got, present, what := w.element(row, e.key)
			switch {
			case what != "":
				return nil, false, what
			case !present:
				result.Outcome = min(result.Outcome, sesuai.NotCompared)
				continue
			case got.scored:
				result.Score = got.score
				disputed = disputed || got.agrees != (got.score >= w.threshold)
				got.agrees = got.score >= w.threshold
			}
			if !got.agrees && result.Outcome != sesuai.NotCompared {
				result.Outcome = sesuai.NonMatch
			}
		}
		if result.Outcome == sesuai.NotCompared {
			result.Score = registry.NotScored
		}
		all[a] = result
	}
	return all, disputed, ""
}

// notCompared returns an entry for each claimed attribute that says that it was not
// compared; nil if none is claimed.
func notCompared(claim sesuai.Claim) map[sesuai.Attribute]registry.Agreement {
	return registry.Agreements(claim, func(sesuai.Attribute) string { return "" })
}
