package name

// The parts of Score, for their tests.
var (
	Fold      = fold
	Canonical = canonical
	Modern    = modern
)

// JaroWinkler calls jaroWinkler on two texts.
func JaroWinkler(a, b string) int { return jaroWinkler([]rune(a), []rune(b)) }

// DamerauLevenshtein calls damerauLevenshtein on two texts.
func DamerauLevenshtein(a, b string) int { return damerauLevenshtein([]rune(a), []rune(b)) }
