package httpapi

import (
	"bytes"
	"encoding/base64"
)

// photograph returns the file in what was sent as face_image. It looks only at
// the bytes: base64 text is decoded, and then overwritten; everything else is the
// file itself. The face engine checks that it is a photograph.
func photograph(sent []byte) []byte {
	if file, ok := fromText(sent); ok {
		clear(sent)
		return file
	}
	return sent
}

// fromText decodes base64, bare or in a data URL, into a new slice. It reports
// false for anything else.
func fromText(sent []byte) ([]byte, bool) {
	text := bytes.TrimSpace(sent)
	if payload, ok := dataURL(text); ok {
		text = bytes.TrimSpace(payload)
	}
	return decodeBase64(text)
}

// dataURL returns the payload of a base64 data URL (RFC 2397). As in browsers, spaces
// may stand around the word base64.
func dataURL(text []byte) ([]byte, bool) {
	const scheme, word = "data:", "base64"
	if len(text) < len(scheme) || !bytes.EqualFold(text[:len(scheme)], []byte(scheme)) {
		return nil, false
	}
	head, payload, ok := bytes.Cut(text[len(scheme):], []byte(","))
	head = bytes.TrimRight(head, " ")
	before := max(0, len(head)-len(word))
	if !ok || !bytes.EqualFold(head[before:], []byte(word)) || !bytes.HasSuffix(bytes.TrimRight(head[:before], " "), []byte(";")) {
		return nil, false
	}
	return payload, true
}

// whiteSpace is the white space of WHATWG's "forgiving-base64 decode".
const whiteSpace = " \t\n\f\r"

// decodeBase64 accepts both alphabets of RFC 4648, with or without padding, and
// white space anywhere, which it ignores. Of a space that may be a + see spacesArePlus.
func decodeBase64(text []byte) ([]byte, bool) {
	if len(text) > 0 && text[0] >= 0x80 {
		return nil, false // PNG and JPEG return here, before any allocation
	}
	encoding := base64.RawStdEncoding
	if bytes.IndexByte(text, '-') >= 0 || bytes.IndexByte(text, '_') >= 0 { // ten times as fast as ContainsAny
		encoding = base64.RawURLEncoding
	}
	unpadded := bytes.TrimRight(text, "="+whiteSpace)
	decoded := make([]byte, encoding.DecodedLen(len(unpadded)))
	decode := encoding.Decode // it ignores line breaks itself
	if bytes.IndexByte(unpadded, ' ') >= 0 || bytes.IndexByte(unpadded, '\t') >= 0 || bytes.IndexByte(unpadded, '\f') >= 0 {
		plus := spacesArePlus(unpadded, bytes.Count(text[len(unpadded):], []byte("=")))
		decode = func(dst, src []byte) (int, error) { return decodeSpaced(encoding, dst, src, plus) }
	}
	n, err := decode(decoded, unpadded)
	if err != nil {
		clear(decoded)
		return nil, false
	}
	return decoded[:n], true
}

// decodeSpaced decodes a text with white space in it, block by block. If plus, a space
// is a +.
func decodeSpaced(encoding *base64.Encoding, dst, text []byte, plus bool) (n int, err error) {
	var block [4 << 10]byte // a multiple of four, so that each can be decoded alone
	defer clear(block[:])
	size := 0
	for _, c := range text {
		switch c {
		case ' ':
			if !plus {
				continue
			}
			c = '+'
		case '\t', '\n', '\f', '\r':
			continue
		}
		block[size] = c
		if size++; size == len(block) {
			m, err := encoding.Decode(dst[n:], block[:])
			if err != nil {
				return 0, err
			}
			n, size = n+m, 0
		}
	}
	m, err := encoding.Decode(dst[n:], block[:size])
	return n + m, err
}

// minRandom is the number of characters from which base64 of a photograph has a +. The
// chance that it has none is (63/64)^512, less than 1 in 3,000.
const minRandom = 512

// spacesArePlus reports whether the spaces within base64, without its padding, stand
// for +. Decoding a form (application/x-www-form-urlencoded) turns every + into a
// space. So they do only if the text has no +, and neither - nor _. Its length decides
// then: the characters and their padding are a multiple of four, or without padding not
// one more than that. A text that complies only with its spaces, or only without them,
// is read so. In one that complies with both, spaces stand for + from minRandom
// characters on. A wrong guess gives other bytes, hence a photograph that cannot be
// decoded.
func spacesArePlus(text []byte, padding int) bool {
	if bytes.ContainsAny(text, "+-_") {
		return false
	}
	characters := len(text)
	for _, c := range "\t\n\f\r" {
		characters -= bytes.Count(text, []byte{byte(c)})
	}
	complies := func(n int) bool {
		if padding == 0 {
			return n%4 != 1
		}
		return (n+padding)%4 == 0
	}
	spaces := bytes.Count(text, []byte(" "))
	return complies(characters) && (!complies(characters-spaces) || characters >= minRandom)
}
