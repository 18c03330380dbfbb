package registrybench

// Growth is the ratio of the 99th percentiles in the largest and the smallest
// registry that were measured, with a warm cache.
type Growth struct {
	Concurrency int     `json:"concurrency"`
	From        int     `json:"from_people"`
	To          int     `json:"to_people"`
	P99         float64 `json:"p99"`
}

// growth compares the first size with the last one; nil if there is only one.
func (r *Report) growth() []Growth {
	if len(r.Sizes) < 2 {
		return nil
	}
	var grown []Growth
	first, last := r.Sizes[0], r.Sizes[len(r.Sizes)-1]
	for i, a := range first.Asked { // the same measurements in both
		if a.Cache == warm {
			grown = append(grown, Growth{a.Concurrency, first.People, last.People, float64(last.Asked[i].P99 / a.P99)})
		}
	}
	return grown
}
