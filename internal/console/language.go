package console

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// locale is a language of the pages, as a tag.
type locale string

const (
	english    locale = "en"
	indonesian locale = "id"
)

// matcher finds the better of both for what a browser asks for; English if neither.
var matcher = sync.OnceValue(func() language.Matcher {
	return language.NewMatcher([]language.Tag{language.English, language.Indonesian})
})

// localeOf returns the language for the value of Accept-Language.
func localeOf(accepted string) locale {
	tag, _ := language.MatchStrings(matcher(), accepted)
	if base, _ := tag.Base(); base.String() == string(indonesian) {
		return indonesian
	}
	return english
}

// find returns the text of a key.
func (l locale) find(key string) (string, bool) {
	m, ok := messages[key]
	if l == indonesian {
		return m.id, ok
	}
	return m.en, ok
}

// text returns the text of a key with its arguments, or the key if there is none, which
// the tests refuse.
func (l locale) text(key string, args ...any) string {
	text, ok := l.find(key)
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// decimal writes a number with up to two decimals, as the language does.
func (l locale) decimal(v float64) string {
	text := strconv.FormatFloat(v, 'f', 2, 64)
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	if l == indonesian {
		text = strings.ReplaceAll(text, ".", ",")
	}
	return text
}

// count writes a whole number, which is not negative, with its thousands apart.
func (l locale) count(n int64) string {
	separator := ","
	if l == indonesian {
		separator = "."
	}
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + separator + text[i:]
	}
	return text
}
