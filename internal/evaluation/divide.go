package evaluation

import (
	"math"
	"slices"
	"sort"

	"github.com/sesuai/sesuai/internal/face"
)

// acquired is what pairs are divided by: how a photograph was acquired for a use.
type acquired struct {
	condition
	// ok is whether there is a template. length is that of the template, 0 if
	// not known.
	ok     bool
	length float64
}

// acquired returns how every photograph was acquired for every use.
func (t *Templates) acquired() [][2]acquired {
	out := make([][2]acquired, len(t.templates))
	for i, pair := range t.templates {
		for use, template := range pair {
			out[i][use] = acquired{t.conditions[i][use], t.vector(i, face.Use(use)) != nil, template.Length}
		}
	}
	return out
}

// partShares are the shares of the impostor pairs that are worse than each bound
// between two parts. The tenths at the ends are parts of their own, since rates
// differ most there.
var partShares = [...]float64{0.10, 0.25, 0.50, 0.75, 0.90}

// division divides pairs into parts by the value of their worse photograph.
type division struct {
	// values are by use and sample. The lower, the worse; NaN if there is none.
	values [2][]float64
	// edges are the lowest values of all parts but the first, in ascending order.
	edges []float64
}

// divide divides the pairs at partShares of the impostor pairs, as nearly as equal
// values allow. It leaves out edges so that every part has enough impostor pairs.
func (r *reporter) divide(of func(*acquired) float64, higherIsWorse bool) *division {
	d := &division{values: [2][]float64{make([]float64, len(r.acquired)), make([]float64, len(r.acquired))}}
	for i := range r.acquired {
		for use := range d.values {
			v := math.NaN()
			if a := &r.acquired[i][use]; a.ok {
				v = of(a)
			}
			if higherIsWorse {
				v = -v
			}
			d.values[use][i] = v
		}
	}
	known := slices.DeleteFunc(slices.Concat(d.values[:]...), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) == 0 {
		return d
	}
	better := func(v float64) int64 { return r.impostorsFrom(d, v) }
	all := better(known[0])
	for _, share := range partShares {
		want := int64(math.Round((1 - share) * float64(all)))
		at := sort.Search(len(known), func(i int) bool { return better(known[i]) <= want })
		if at > 0 && (at == len(known) || better(known[at-1])-want < want-better(known[at])) {
			at--
		}
		d.edges = append(d.edges, known[at])
	}
	d.edges = slices.Compact(d.edges)
	d.join(all, better, r.minPart())
	return d
}

// join removes edges until every part has at least that many pairs: that between
// the smallest part and its smaller neighbour first.
func (d *division) join(all int64, better func(v float64) int64, enough int64) {
	for len(d.edges) > 0 {
		sizes := make([]int64, len(d.edges)+1)
		from := all
		for k, edge := range d.edges {
			to := better(edge)
			sizes[k], from = from-to, to
		}
		sizes[len(d.edges)] = from
		smallest := slices.Index(sizes, slices.Min(sizes))
		if sizes[smallest] >= enough {
			return
		}
		if smallest == len(d.edges) || smallest > 0 && sizes[smallest-1] <= sizes[smallest+1] {
			smallest--
		}
		d.edges = slices.Delete(d.edges, smallest, smallest+1)
	}
}

// of returns the part of a value; -1 if it is NaN.
func (d *division) of(v float64) int {
	if math.IsNaN(v) {
		return -1
	}
	return sort.Search(len(d.edges), func(k int) bool { return v < d.edges[k] })
}

// part returns the part of a pair of photographs: that of the worse one. It is -1
// if one has no value.
func (d *division) part(reference, probe int) int {
	return d.of(min(d.values[face.ForReference][reference], d.values[face.ForProbe][probe]))
}

// bounds returns a part with its bounds.
func (d *division) bounds(k int, higherIsWorse bool) Part {
	var p Part
	if k > 0 {
		v := d.edges[k-1]
		p.From = &v
	}
	if k < len(d.edges) {
		v := d.edges[k]
		p.To = &v
	}
	if higherIsWorse {
		p.From, p.To = negated(p.To), negated(p.From)
	}
	return p
}

func negated(v *float64) *float64 {
	if v == nil {
		return nil
	}
	n := 0 - *v // not -0
	return &n
}

// impostorsFrom returns how many impostor pairs have a value of at least v.
func (r *reporter) impostorsFrom(d *division, v float64) int64 {
	var n int64
	if !r.AllPairs {
		for _, p := range r.Set.Pairs {
			if !p.Same && r.compared(p) && min(d.values[face.ForReference][p.Reference], d.values[face.ForProbe][p.Probe]) >= v {
				n++
			}
		}
		return n
	}
	// A photograph is compared with all earlier ones of other people, which were
	// the references.
	var earlier int64
	own := make([]int64, len(r.Set.People))
	for _, i := range r.rows() {
		person := r.Set.Samples[i].Person
		if d.values[face.ForProbe][i] >= v {
			n += earlier - own[person]
		}
		if d.values[face.ForReference][i] >= v {
			earlier++
			own[person]++
		}
	}
	return n
}

// compared reports whether both photographs of a listed pair were acquired.
func (r *reporter) compared(p Pair) bool {
	return r.acquired[p.Reference][face.ForReference].ok && r.acquired[p.Probe][face.ForProbe].ok
}

// rows returns the samples of which all pairs were compared, in order.
func (r *reporter) rows() []int {
	var rows []int
	for i, a := range r.acquired {
		if a[face.ForReference].ok && a[face.ForProbe].ok {
			rows = append(rows, i)
		}
	}
	return rows
}

// dividedTotal is how many pairs of photographs of two people were compared in
// each part of a division. It is held photograph by photograph, if all were
// compared with all, or else pair by pair.
type dividedTotal struct {
	rows  []dividedRow
	pairs []dividedPair
	// people is the weight of each part by people.
	people []float64
}

// dividedRow is a photograph that was compared with all earlier ones of other
// people. The parts are those of its value as a reference and as a probe.
type dividedRow struct {
	person           int32
	reference, probe int
}

type dividedPair struct {
	a, b int32
	part int
}

// dividedRates are the rates of an event over pairs of two people, by part.
type dividedRates struct {
	of    *dividedTotal
	hits  [][]pairCount
	rates []tallied
}

// dividedTotal counts the impostor pairs in each part.
func (r *reporter) dividedTotal(d *division) *dividedTotal {
	t := &dividedTotal{people: make([]float64, len(d.edges)+1)}
	if r.AllPairs {
		for _, i := range r.rows() {
			t.rows = append(t.rows, dividedRow{
				int32(r.Set.Samples[i].Person), d.of(d.values[face.ForReference][i]), d.of(d.values[face.ForProbe][i]),
			})
		}
		// The weight of two people is the product of theirs.
		weights := make([]float64, len(r.Set.People))
		for p, n := range r.Impostors.perPerson {
			weights[p] = 1 / float64(max(n, 1))
		}
		t.people = t.photographs(weights)
		return t
	}
	for _, p := range r.Set.Pairs {
		if part := d.part(p.Reference, p.Probe); !p.Same && part >= 0 {
			ends := r.Set.ends(Score{Reference: int32(p.Reference), Probe: int32(p.Probe)})
			t.pairs = append(t.pairs, dividedPair{int32(ends[0]), int32(ends[1]), part})
			t.people[part] += 1 / float64(r.Impostors.PerPair(ends[0], ends[1]))
		}
	}
	return t
}

// photographs counts the pairs of photographs in each part, with person p counted
// m[p] times. It takes time in proportion to the photographs, not to the pairs.
func (t *dividedTotal) photographs(m []float64) []float64 {
	parts := len(t.people)
	// from[k] is the number of pairs in part k or a better one.
	from := make([]float64, parts+1)
	earlier, own := make([]float64, parts), make([]float64, parts*len(m))
	for _, row := range t.rows {
		w := m[row.person]
		if w == 0 {
			continue
		}
		mine := own[int(row.person)*parts:][:parts]
		for k := 0; k <= row.probe; k++ {
			from[k] += w * (earlier[k] - mine[k])
		}
		for k := 0; k <= row.reference; k++ {
			earlier[k] += w
			mine[k] += w
		}
	}
	out := make([]float64, parts)
	for k := range out {
		out[k] = max(from[k]-from[k+1], 0)
	}
	for _, p := range t.pairs {
		out[p.part] += m[p.a] * m[p.b]
	}
	return out
}
