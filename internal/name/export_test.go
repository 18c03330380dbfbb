package name

// For the tests of the parts that Score is made of.
var (
	Fold      = fold
	Canonical = canonical
	Modern    = modern
	Ratio     = ratio
)

// JaroWinkler is jaroWinkler of two texts.
func JaroWinkler(a, b string) int { return jaroWinkler([]rune(a), []rune(b)) }

// DamerauLevenshtein is damerauLevenshtein of two texts.
func DamerauLevenshtein(a, b string) int { return damerauLevenshtein([]rune(a), []rune(b)) }
