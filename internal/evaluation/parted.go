package evaluation

import "slices"

// parted are the rates of an event in the parts of the pairs.
type parted struct {
	rates []*tallied
	// seen counts who made an error and who was tried in the wanted parts
	// together, each once: tallied.erring and tallied.n.
	seen func(wanted func(part int) bool) (erring int, n float64)
}

// ofPeople returns the rates of an event that concerns one person, who may have
// pairs in several parts.
func ofPeople(parts []*personRate) parted {
	p := parted{seen: func(wanted func(part int) bool) (int, float64) {
		people := len(parts[0].tried)
		together := personRate{wrong: make([]float64, people), tried: make([]float64, people)}
		for k, part := range parts {
			if !wanted(k) {
				continue
			}
			for person := range people {
				together.wrong[person] += part.wrong[person]
				together.tried[person] += part.tried[person]
			}
		}
		return together.seen()
	}}
	for _, part := range parts {
		p.rates = append(p.rates, &part.tallied)
	}
	return p
}

// partOfPairs is the rate of an event over the pairs of two people in a part.
type partOfPairs struct {
	*tallied
	hits []pairCount
}

// ofPairs returns the rates of an event over pairs of two people, who may have
// photographs in several parts. Here tallied.n is the weight by people. That of
// two people is one in all parts together, so it is added.
func ofPairs(parts []partOfPairs) parted {
	p := parted{seen: func(wanted func(part int) bool) (int, float64) {
		erring, n := make(map[[2]int32]bool), 0.0
		for k, part := range parts {
			if !wanted(k) {
				continue
			}
			n += part.n
			for _, hit := range part.hits {
				erring[[2]int32{hit.a, hit.b}] = true
			}
		}
		return len(erring), n
	}}
	for _, part := range parts {
		p.rates = append(p.rates, part.tallied)
	}
	return p
}

// together returns the rate in all wanted parts.
func (p parted) together(wanted func(part int) bool) *tallied {
	t := &tallied{drawn: make([]counted, len(p.rates[0].drawn))}
	for k, rate := range p.rates {
		if !wanted(k) {
			continue
		}
		t.errors, t.of = t.errors+rate.errors, t.of+rate.of
		for i, c := range rate.drawn {
			t.drawn[i].errors += c.errors
			t.drawn[i].of += c.of
		}
	}
	t.erring, t.n = p.seen(wanted)
	return t
}

// ratios returns the rates of the parts over the rate of all parts together, and
// sets how far they spread.
//
// The interval of a ratio is by the bootstrap of the ratio itself, since the rate
// of a part and that of all have most of their uncertainty in common. It leaves
// 2.5 % on either side, divided by the number of parts, so that looking at many
// parts does not find one by chance. It is not made wider for the number of
// properties: a list in which no ratio is over UnevenRatio has to be close to it in
// several of them for a warning by chance to be likely.
func (p parted) ratios(spread *Spread) []Ratio {
	all := p.together(func(int) bool { return true })
	spread.Mean = all.result()
	out := make([]Ratio, len(p.rates))
	if all.errors == 0 {
		return out
	}
	for k, part := range p.rates {
		if part.of == 0 {
			continue
		}
		others := p.together(func(other int) bool { return other != k })
		out[k] = part.over(all, others, 0.025/float64(len(p.rates)))
		if spread.Worst < 0 || out[k].Value > out[spread.Worst].Value {
			spread.Worst, spread.Ratio = k, out[k]
		}
		if out[k].Low > UnevenRatio {
			spread.Uneven = append(spread.Uneven, k)
		}
	}
	return out
}

// over returns the rate of a part over that of all, which is this part and the
// others. The interval leaves a share of outside on either side.
//
// A bootstrap only knows the errors that were seen. If there are few in the part,
// its rate is taken to be up to what the Rule of 3 allows; if there are few in the
// others, theirs is. A replicate without any error says nothing about the ratio,
// and counts as 0.
func (t *tallied) over(all, others *tallied, outside float64) Ratio {
	var values []float64
	for i, c := range t.drawn {
		switch of := all.drawn[i]; {
		case c.of == 0:
		case of.errors == 0:
			values = append(values, 0)
		default:
			values = append(values, c.rate()/of.rate())
		}
	}
	slices.Sort(values)
	value := t.rate() / all.rate()
	r := Ratio{value, value, value}
	if len(values) > 0 {
		cut := int(outside * float64(len(values)-1))
		r.Low, r.High = min(value, values[cut]), max(value, values[len(values)-1-cut])
	}
	if t.erring < minSeen {
		r.High = max(r.High, unseen(t.n)/all.rate())
	}
	if others.erring < minSeen {
		errors := max(others.errors, others.of*unseen(others.n))
		r.Low = min(r.Low, t.rate()*all.of/(t.errors+errors))
	}
	return r
}
