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
	for key, values := range header {
		// net/textproto leaves such a key as it is, and joins folded lines.
		if strings.Contains(key, " ") || strings.Contains(strings.ToLower(strings.Join(values, "\n")), "content-disposition") {
			return "", malformedPart("a second header in a header of a part")
		}
	}
	dispositions := header["Content-Disposition"]
	if len(dispositions) != 1 {
		return "", malformedPart("a part has no Content-Disposition, or two")
	}
	kind, values, ok := parameters(dispositions[0])
	name, named := values["name"]
	if !ok || kind != "form-data" || !named || strings.Contains(name, ";") || len(nameParameter.FindAllStringIndex(dispositions[0], 2)) > 1 {
		return "", malformedPart("a Content-Disposition cannot be read")
	}
	return name, nil
}

// checkEncoding refuses a part that readers decode in different ways: RFC 7578, 4.7
// does away with Content-Transfer-Encoding, 4.3 with parts in a part. A photograph in
// base64 is one in any case.
func checkEncoding(header textproto.MIMEHeader, name field) error {
	for _, encoding := range header["Content-Transfer-Encoding"] {
		encoding = strings.ToLower(strings.Trim(encoding, space))
		if encoding == "quoted-printable" || encoding == "base64" && name != fieldFaceImage {
			return malformedPart("a part has a Content-Transfer-Encoding")
		}
	}
	for _, contentType := range header["Content-Type"] {
		if strings.HasPrefix(strings.ToLower(strings.TrimLeft(contentType, space)), "multipart/") {
			return malformedPart("a part has parts")
		}
	}
	return nil
}

// malformedPart returns an error of kind KindMalformed about a part's header.
func malformedPart(why string) error { return advised(guidePart, why) }
