package httpapi

import (
	"crypto/rand"
	"encoding/base32"
	"regexp"

	"github.com/sesuai/sesuai/internal/access"
)

// requestID returns the caller's id, which are the values of its X-Request-Id
// header, if there is one that has 1 to 128 visible ASCII characters. Otherwise
// it returns a new id and false.
func requestID(values []string) (id string, given bool) {
	if len(values) != 1 || !visibleID(values[0]) {
		return rand.Text(), false
	}
	return values[0], true
}

// RecordedID returns a caller's request id as the log, the audit trail and the
// registry get it. An id that may hold a NIK becomes a keyed hash, which is the
// same whenever the id is. The response carries the id unchanged.
func RecordedID(hash access.Hash, id string) string { return recorded(hash, "request id", id) }

// RecordedReference returns a client's own id for a request as the audit trail gets it,
// in the way of RecordedID. Stored answers have the id unchanged, sealed.
func RecordedReference(hash access.Hash, reference string) string {
	return recorded(hash, "reference id", reference)
}

// recorded returns an id, or a keyed hash of it for that use.
func recorded(hash access.Hash, use, id string) string {
	if !mayHoldNIK(id) {
		return id
	}
	sum := hash([]byte(use + "\x00" + id))
	return "hashed-" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
}

// maxDigits is how many digits an id may hold and still be recorded as it is. The
// first 12 of a NIK's 16 digits are the person's region and birth date.
const maxDigits = 11

// uuid matches a UUID, and 32 hexadecimal digits without dashes, as in a trace
// id.
var uuid = regexp.MustCompile(`[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}`)

// mayHoldNIK reports whether an id holds more than maxDigits digits, with any
// characters between them. Within a UUID the letters are digits too, so there
// only digits without a letter between them count together.
func mayHoldNIK(id string) bool {
	at := uuid.FindStringIndex(id)
	if at == nil {
		at = []int{0, 0}
	}
	digits := 0
	for i, c := range []byte(id) {
		inUUID := at[0] <= i && i < at[1]
		switch {
		case '0' <= c && c <= '9':
			digits++
		case inUUID && c != '-':
			digits = 0
		}
		if digits > maxDigits {
			return true
		}
	}
	return false
}
