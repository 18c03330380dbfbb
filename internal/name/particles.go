package name

// sex is the sex that a particle gives to the bearer of a name.
type sex uint8

const (
	unknown sex = iota
	man
	woman
)

// trimParticles removes, in place, the particles that people may omit, and
// returns the sex that they give: the Balinese I (man) and Ni (woman) before a
// name, and bin (son of) and binti (daughter of) within it. The father's name
// after bin is kept, since it is evidence.
func trimParticles(words []string) ([]string, sex) {
	if len(words) < 2 {
		return words, unknown
	}
	found := unknown
	if len(words[1]) > 1 {
		switch words[0] {
		case "I":
			words, found = words[1:], man
		case "NI":
			words, found = words[1:], woman
		}
	}
	kept := words[:1]
	for i, w := range words[1:] {
		inside := i+2 < len(words)
		switch {
		case inside && w == "BIN":
			found = man
		case inside && (w == "BINTI" || w == "BINTE" || w == "BTE" || w == "BT"):
			found = woman
		default:
			kept = append(kept, w)
		}
	}
	return kept, found
}
