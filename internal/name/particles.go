package name

import "slices"

// sex is the sex that a particle gives to the bearer of a name.
type sex uint8

const (
	unknown sex = iota
	man
	woman
)

// trimParticles leaves out the particles that people may omit, and returns the
// sex that they give: the Balinese I (man) and Ni (woman) before a name, within
// it bin (son of) and binti (daughter of), and the Batak boru (daughter of a
// clan). What follows them, the father's name or the clan's, is kept, since it
// is evidence.
func trimParticles(words []string) ([]string, sex) {
	if len(words) < 2 {
		return words, unknown
	}
	found := unknown
	if len(words[1]) > 1 {
		switch words[0] {
		case "I":
			words, found = words[1:], man
		case "NI", "BORU":
			words, found = words[1:], woman
		}
	}
	for i := 1; i+1 < len(words); i++ {
		if s := sexOf(words[i]); s != unknown {
			found = s
			words = slices.Concat(words[:i], words[i+1:])
			i--
		}
	}
	return words, found
}

// sexOf returns the sex that a particle within a name gives.
func sexOf(particle string) sex {
	switch particle {
	case "BIN":
		return man
	case "BINTI", "BINTE", "BTE", "BT", "BR", "BORU", "BERU":
		return woman
	}
	return unknown
}
