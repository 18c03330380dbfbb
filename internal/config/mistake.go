package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
)

// Mistake is one thing that is wrong with a configuration. It is an error;
// several are joined by errors.Join.
type Mistake struct {
	// Key is the dotted name of the key. It is empty if the mistake is about
	// none.
	Key string
	// Line is the line of the file, from 1, 0 if it is not known.
	Line int
	// What says what was found and what is needed.
	What string
}

// Error returns the key and what is wrong with it.
func (m Mistake) Error() string {
	if m.Key == "" {
		return m.What
	}
	return m.Key + ": " + m.What
}

// Mistakef makes a Mistake about a key.
func Mistakef(key, format string, args ...any) Mistake {
	return Mistake{Key: key, What: fmt.Sprintf(format, args...)}
}

// list is the cause of an error that Refuse returns.
type list []Mistake

// Error returns the only mistake, or one a line.
func (l list) Error() string {
	if len(l) == 1 {
		return l[0].Error()
	}
	text := strconv.Itoa(len(l)) + " mistakes"
	for _, m := range l {
		text += "\n  " + m.Error()
	}
	return text
}

// Refuse returns the mistakes in err as one error of kind
// sesuai.KindConfiguration, and nil for nil.
func Refuse(err error) error {
	if err == nil {
		return nil
	}
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "configuration", Err: list(Mistakes(err))}
}

// Mistakes lists the mistakes in err, each once: those that are joined in it, or
// that Refuse was given. Another error is a mistake about no key.
func Mistakes(err error) []Mistake {
	if err == nil {
		return nil
	}
	if m, ok := err.(Mistake); ok {
		return []Mistake{m}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if l, ok := errors.AsType[list](err); ok {
			return l
		}
		return []Mistake{{What: text(err)}}
	}
	var all []Mistake
	for _, e := range joined.Unwrap() {
		for _, m := range Mistakes(e) {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// text describes an error in one line, without its kind.
func text(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*sesuai.Error](err); ok {
		text = e.Detail
		if e.Err != nil {
			text = strings.TrimPrefix(text+": "+e.Err.Error(), ": ")
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

// change returns the mistakes in err, joined, each as f returns it.
func change(err error, f func(Mistake) Mistake) error {
	var errs []error
	for _, m := range Mistakes(err) {
		errs = append(errs, f(m))
	}
	return errors.Join(errs...)
}

// About makes a key the subject of the mistakes in err that have none.
func About(key string, err error) error {
	return change(err, func(m Mistake) Mistake {
		m.Key = cmp.Or(m.Key, key)
		return m
	})
}

// Under puts a section's name before the keys of the mistakes in err.
func Under(section string, err error) error {
	return change(err, func(m Mistake) Mistake {
		if m.Key != "" {
			m.Key = section + "." + m.Key
		}
		return m
	})
}

// Locate puts before each mistake in err what place says of its key and line.
func Locate(err error, place func(Mistake) string) error {
	return change(err, func(m Mistake) Mistake { return Mistake{Key: place(m), What: m.What} })
}

// maxQuoted is how many characters of a value an error repeats.
const maxQuoted = 40

// Quote quotes the beginning of what was found in a configuration.
func Quote(found string) string { return strconv.Quote(strings.TrimSpace(shortened(found))) }

// shortened returns the beginning of a text.
func shortened(text string) string {
	if runes := []rune(text); len(runes) > maxQuoted {
		text = string(runes[:maxQuoted]) + "…"
	}
	return text
}
