package operator

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Cost is what it takes to hash a password with argon2id.
type Cost struct {
	// Time is the number of passes, Memory the number of KiB.
	Time, Memory uint32
	Threads      uint8
}

// DefaultCost is the second choice of RFC 9106, section 4, for where 2 GiB a hash are too
// much.
var DefaultCost = Cost{Time: 3, Memory: 64 << 10, Threads: 4}

// The sizes of RFC 9106, section 4, in bytes.
const (
	saltSize = 16
	hashSize = 32
)

const (
	// MinPassword is the minimum number of characters of a password. NIST SP 800-63B-4,
	// 3.1.1.2, asks for 8 where there is a second factor.
	MinPassword = 12
	// maxPassword is the maximum, in bytes.
	maxPassword = 256
)

// hashed is a password as it is stored.
type hashed struct {
	Cost Cost   `json:"cost"`
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

func hashPassword(password string, c Cost) *hashed {
	h := &hashed{Cost: c, Salt: make([]byte, saltSize)}
	_, _ = rand.Read(h.Salt) // crypto/rand never fails
	h.Hash = h.of(password)
	return h
}

func (h *hashed) of(password string) []byte {
	return argon2.IDKey([]byte(password), h.Salt, h.Cost.Time, h.Cost.Memory, h.Cost.Threads, hashSize)
}

// is reports whether it is the hash of that password.
func (h *hashed) is(password string) bool {
	return len(password) <= maxPassword && subtle.ConstantTimeCompare(h.of(password), h.Hash) == 1
}

// checkPassword returns an error of kind sesuai.KindConfiguration for a password that is
// not accepted.
func checkPassword(name, password string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword || len(password) > maxPassword:
		return mistake("a password has 12 to 256 characters")
	case strings.Contains(strings.ToLower(password), name):
		return mistake("a password does not have the operator's name in it")
	}
	return nil
}
