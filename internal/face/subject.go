package face

import "math"

// Subject says which face counts in a photograph with several.
type Subject uint8

const (
	// Dominant: the largest face, if its area is at least Options.Dominance
	// times that of every other. Otherwise the photograph is refused. This is
	// for verifying people.
	Dominant Subject = iota
	// Central: the face nearest the centre, which is the labelled one in sets
	// of photographs. Central and Largest are for evaluations: they never
	// refuse a photograph for several faces.
	Central
	// Largest: the face with the largest area.
	Largest
)

// choose returns the subject's face among those found, and whether there is a
// subject. found must not be empty.
func (e *Engine) choose(found []detection, p *Photo) (Box, bool) {
	switch e.subject {
	case Central:
		return minBy(found, func(b Box) float64 {
			return math.Hypot(b.X0+b.X1-float64(p.Width), b.Y0+b.Y1-float64(p.Height))
		}), true
	case Largest:
		return minBy(found, func(b Box) float64 { return -b.Area() }), true
	default:
		return dominant(found, e.dominance)
	}
}

// minBy returns the box with the lowest rank.
func minBy(found []detection, rank func(Box) float64) Box {
	best := found[0].box
	for _, d := range found[1:] {
		if rank(d.box) < rank(best) {
			best = d.box
		}
	}
	return best
}

// dominant returns the largest face, and whether it is the only one or has at
// least ratio times the area of every other.
func dominant(found []detection, ratio float64) (Box, bool) {
	var first, second float64
	var face Box
	for _, d := range found {
		switch area := d.box.Area(); {
		case area > first:
			face, first, second = d.box, area, first
		case area > second:
			second = area
		}
	}
	return face, first >= ratio*second
}
