package httpapi

import (
	"net/textproto"
	"regexp"
	"strings"
)

// nameParameter finds whatever a reader may take for the parameter that holds a
// part's name, also within another parameter's quotes.
var nameParameter = regexp.MustCompile(`(?i)(?:^|[^a-z0-9_*-])name[ \t]*(?:\*[0-9*]*[ \t]*)?=`)

// partName returns the name of a part. RFC 7578, 4.2 demands one in a
// Content-Disposition of kind form-data. A part without it, with two, or with one
// that this package cannot read is an error, and never skipped: another reader may see
// a field in it, and then two readers see two different people in one request. Some
// readers split a header at every semicolon, so a name has none.
func partName(header textproto.MIMEHeader) (string, error) {
	if err := checkHeader(header); err != nil {
		return "", err
	}
	disposition := header.Get("Content-Disposition")
	kind, values, ok := parameters(disposition)
	name, named := values["name"]
	if !ok || kind != "form-data" || !named || strings.Contains(name, ";") || len(nameParameter.FindAllStringIndex(disposition, 2)) > 1 {
		return "", malformedPart("a Content-Disposition cannot be read")
	}
	return name, nil
}

// checkHeader refuses a part's header in which some readers see another one, or none,
// or parts within the part.
func checkHeader(header textproto.MIMEHeader) error {
	for key, values := range header {
		// net/textproto keeps a key with a space as it is.
		if strings.Contains(key, " ") || len(values) > 1 && (key == "Content-Disposition" || key == "Content-Type") {
			return malformedPart("a header of a part is given twice, or has a space before its colon")
		}
		for _, value := range values {
			// net/textproto joins a folded line with the one before.
			if len(value) > maxHeader || strings.Contains(strings.ToLower(value), "content-disposition:") {
				return malformedPart("a header of a part is too long, or holds another")
			}
		}
	}
	kind, _, _ := strings.Cut(strings.ToLower(header.Get("Content-Type")), "/")
	if kind = strings.Trim(kind, space); kind == "multipart" || kind == "message" {
		return malformedPart("a part has parts")
	}
	return nil
}

// checkEncoding refuses a Content-Transfer-Encoding that only some readers undo: RFC
// 7578, 4.7 does away with it. A photograph in base64 is one in any case.
func checkEncoding(header textproto.MIMEHeader, file bool) error {
	for _, encoding := range header["Content-Transfer-Encoding"] {
		encoding = strings.ToLower(strings.Trim(encoding, space))
		if encoding == "quoted-printable" || encoding == "base64" && !file {
			return malformedPart("a part has a Content-Transfer-Encoding")
		}
	}
	return nil
}

// malformedPart returns an error of kind KindMalformed about a part's header.
func malformedPart(why string) error { return advised(guidePart, why) }
