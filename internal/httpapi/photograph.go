package httpapi

import (
	"bytes"
	"encoding/base64"
)

// photograph is the file in what was sent as face_image, by its bytes alone:
// text that is base64 stands for what it encodes, everything else is the file
// itself. Whether it is a photograph is for the face engine to say.
func photograph(sent []byte) []byte {
	if file, ok := fromText(sent); ok {
		return file
	}
	return sent
}

// fromText reads base64, bare or in a data URL, into memory of its own; false
// if it is neither.
func fromText(sent []byte) ([]byte, bool) {
	text := bytes.TrimSpace(sent)
	if payload, ok := dataURL(text); ok {
		text = payload
	}
	return decodeBase64(text)
}

// dataURL returns what follows the comma of a base64 data URL (RFC 2397).
func dataURL(text []byte) ([]byte, bool) {
	const scheme, marker = "data:", ";base64"
	if len(text) < len(scheme) || !bytes.EqualFold(text[:len(scheme)], []byte(scheme)) {
		return nil, false
	}
	head, payload, ok := bytes.Cut(text, []byte(","))
	if !ok || len(head) < len(scheme+marker) || !bytes.EqualFold(head[len(head)-len(marker):], []byte(marker)) {
		return nil, false
	}
	return payload, true
}

// decodeBase64 reads both alphabets of RFC 4648, with padding or without, and
// with line breaks as MIME writes them.
func decodeBase64(text []byte) ([]byte, bool) {
	if len(text) > 0 && text[0] >= 0x80 {
		return nil, false // PNG and JPEG end here, before anything is allocated
	}
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	text = bytes.TrimRight(text, "=\r\n")
	decoded := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(decoded, text)
	if err != nil {
		return nil, false
	}
	return decoded[:n], true
}
