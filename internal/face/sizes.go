package face

const (
	// minLong is the least length of the longer side, in pixels, to which a
	// photograph is first decoded: that of the detector's input. If no face is
	// found, the photograph is decoded again, to at least tiledLong for the
	// detector's tiles, and to smallTiledLong for the smaller ones.
	minLong, tiledLong, smallTiledLong = 320, 480, 960
	// minEyeDistance is the distance of the eyes, in pixels, from which more
	// pixels do not change the template. In an aligned face it is 35.
	minEyeDistance = 36
)

// denominator returns by how much the photograph's sides are divided when it is
// first decoded. If a file is too expensive to be decoded at every size that a
// search may need, the smallest sizes are left out. A size under tiledLong is left
// out too if decoding at all sizes takes more than a quarter of maxWork: it would
// save less time in the search than decoding once more takes.
//
// A Picture may need more pixels than the networks. The file is then decoded again,
// so that most probes cost no more than without pictures until their face is
// found. If it is too expensive for that, it is decoded at twice the size at once.
func (e *Engine) denominator(f *file) int {
	long, d := minLong, 1
	if f.fast == nil { // It averages what was decoded at full size.
		long = tiledLong
	}
	for d < smallest && f.long()/(2*d) >= long {
		d *= 2
	}
	bound := func() work {
		if f.long()/d < tiledLong {
			return maxWork / 4
		}
		return maxWork
	}
	for f.fast != nil && d > 1 && f.long()/d < smallTiledLong && f.work(d/2) <= maxWork && f.searchWork(d) > bound() {
		d /= 2
	}
	if e.pictures && f.fast != nil && d > 1 && f.work(d/2) <= maxWork && f.work(d)+f.work(d/2) > maxWork {
		d /= 2
	}
	return d
}

// searchWork returns the work of decoding the file with its sides divided by
// denominator, and then at every larger size that a search without success needs.
func (f *file) searchWork(denominator int) work {
	all := f.work(denominator)
	for denominator > 1 && f.long()/denominator < smallTiledLong {
		denominator /= 2
		all += f.work(denominator)
	}
	return all
}

// steps returns how many steps of a search a photograph decoded with this
// denominator has enough pixels for. If it cannot be decoded to a larger size,
// these are all.
func (d *decoding) steps(denominator int) int {
	long := d.long() / denominator
	switch {
	case denominator == 1 || !d.affords(denominator/2):
		return allSteps
	case long < tiledLong:
		return inWhole
	case long < smallTiledLong && d.long() >= smallTilesFrom:
		return inTiles
	default:
		return allSteps
	}
}

// finer returns the denominator with which the photograph is decoded again for a
// face whose eyes were that many pixels apart with this one.
func (d *decoding) finer(eyes float64, denominator int) int {
	for ; eyes < minEyeDistance && d.canHalve(denominator); eyes *= 2 {
		denominator /= 2
	}
	return denominator
}

// canHalve reports whether the photograph can be decoded at twice the size.
func (d *decoding) canHalve(denominator int) bool {
	return denominator > d.finest() && d.affords(denominator/2)
}
