package name

// sex is what a particle says about the bearer of a name.
type sex uint8

const (
	unsaid sex = iota
	man
	woman
)

// trimParticles takes out, in place, the particles that come and go, and tells
// what they said: the Balinese I (a man) and Ni (a woman) before a name, and
// bin (son of) and binti (daughter of) within it. What follows bin stays: the
// father's name is evidence.
func trimParticles(words []string) ([]string, sex) {
	if len(words) < 2 {
		return words, unsaid
	}
	said := unsaid
	if len(words[1]) > 1 {
		switch words[0] {
		case "I":
			words, said = words[1:], man
		case "NI":
			words, said = words[1:], woman
		}
	}
	kept := words[:1]
	for i, w := range words[1:] {
		inside := i+2 < len(words)
		switch {
		case inside && w == "BIN":
			said = man
		case inside && (w == "BINTI" || w == "BINTE" || w == "BTE" || w == "BT"):
			said = woman
		default:
			kept = append(kept, w)
		}
	}
	return kept, said
}
