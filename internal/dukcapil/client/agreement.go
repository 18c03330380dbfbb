package client

import (
	"regexp"
	"strconv"
)

// agreement is what the data check says of one element: Sesuai or Tidak Sesuai,
// and for those that are compared fuzzily how well, in percent.
type agreement struct {
	agrees bool
	// score is 0 to 100, scored whether it was given.
	score  int
	scored bool
}

// agreementText is one as fold leaves it. The number may have decimals.
var agreementText = regexp.MustCompile(`^(tidak )?sesuai(?: ?\( ?([0-9]{1,3})(\.[0-9]+)? ?\))?$`)

// parseAgreement reads the text of one element. It refuses whatever is not one
// of the two words with or without a number from 0 to 100 in brackets.
func parseAgreement(text string) (agreement, bool) {
	m := agreementText.FindStringSubmatch(fold(text))
	if m == nil {
		return agreement{}, false
	}
	a := agreement{agrees: m[1] == ""}
	if m[2] == "" {
		return a, true
	}
	// Decimals are cut off: a score is not made better than it was said to be.
	n, err := strconv.Atoi(m[2])
	if err != nil || n > 100 || n == 100 && m[3] != "" && !zeros.MatchString(m[3]) {
		return agreement{}, false
	}
	a.score, a.scored = n, true
	return a, true
}

var zeros = regexp.MustCompile(`^\.0+$`)

// nameScore is how well a fuzzy element agrees, 0 to 100. Without a number, an
// element that agrees reached the threshold that was sent, and of one that does
// not nothing is known, which is 0. disputed says that the word is not the one
// that the number and the threshold give; then the number counts.
func (a agreement) nameScore(threshold int) (score int, disputed bool) {
	switch {
	case a.scored:
		return a.score, a.agrees != (a.score >= threshold)
	case a.agrees:
		return threshold, false
	default:
		return 0, false
	}
}
