package httpapi

import "strings"

const (
	// space is the white space of a header.
	space = " \t"
	// maxHeader is the size in bytes above which a header is not read. File systems
	// limit a file name to 255 characters, of which clients write up to 12 bytes
	// each.
	maxHeader = 4 << 10
)

// parameters reads a Content-Disposition or a Content-Type. It returns its kind and
// its parameters by their names, both in lower case. It reports false, and only the
// kind, for anything outside the grammar, in which white space may stand around every
// word:
//
//	header    = kind *( ";" parameter ) [ ";" ]
//	parameter = token "=" ( token / quoted / loose )
//	quoted    = <"> *( any character but <"> and "\" ) <">
//
// The grammar is narrower than MIME's: no parameter may stand there twice, and what
// two readers take for different texts (a backslash, the pieces of RFC 2231) is no
// text. It is wider where clients write what they were given. A loose value is that
// of filename or filename*, or an unquoted boundary:
//
//	loose = <"> text <">  ; up to the first <"> that a parameter, or nothing, follows
//	      / text          ; without ";", and with <"> only if nothing follows
//
// So a file name may have quotes, spaces, parentheses and backslashes, and in quotes
// semicolons. A backslash before the last quote is a part of the name for some readers,
// and for others the name goes on. So nothing may follow it.
func parameters(header string) (kind string, values map[string]string, ok bool) {
	kind, rest, _ := strings.Cut(header, ";")
	kind = strings.ToLower(strings.Trim(kind, space))
	if len(header) > maxHeader {
		return kind, nil, false
	}
	values = make(map[string]string)
	for rest = strings.Trim(rest, space); rest != ""; rest = strings.Trim(rest, space) {
		name, value, found := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimRight(name, space))
		if _, twice := values[name]; twice || !found || !token(name) || strings.Contains(name, "*") && !strings.HasPrefix(name, "filename*") {
			return kind, nil, false
		}
		file := name == "filename" || name == "filename*"
		values[name], rest, ok = parameter(strings.TrimLeft(value, space), file, file || name == "boundary")
		if !ok {
			return kind, nil, false
		}
	}
	return kind, values, true
}

// parameter reads the value at the start of a text, and returns what follows it
// without the semicolon.
func parameter(text string, looseQuoted, looseBare bool) (value, rest string, ok bool) {
	if text, quoted := strings.CutPrefix(text, `"`); quoted {
		for end, c := range []byte(text) {
			if c == '\\' && !looseQuoted {
				return "", "", false
			}
			if c != '"' {
				continue
			}
			rest, ends := follows(text[end+1:])
			if ends {
				return text[:end], rest, rest == "" || !strings.HasSuffix(text[:end], `\`)
			}
			if !looseQuoted {
				return "", "", false
			}
		}
		return "", "", false
	}
	value, rest, more := strings.Cut(text, ";")
	value = strings.TrimRight(value, space)
	if looseBare {
		return value, rest, !more || !strings.Contains(value, `"`)
	}
	return value, rest, token(value)
}

// follows reports whether a text is what may follow a value: nothing, or a semicolon
// and perhaps a parameter. It returns the text behind the semicolon.
func follows(text string) (rest string, ok bool) {
	text = strings.Trim(text, space)
	rest, more := strings.CutPrefix(text, ";")
	name, _, found := strings.Cut(rest, "=")
	name, rest = strings.Trim(name, space), strings.TrimLeft(rest, space)
	return rest, text == "" || more && (rest == "" || found && token(name))
}

// token reports whether s is a token of RFC 2045.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, c)
	})
}
