package registrybench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory is the resident set of this process in bytes, including that of the
// measurement itself.
type Memory struct {
	// Enrolled is that after the enrolment, Asked that after all questions, and
	// Peak the maximum.
	Enrolled int64 `json:"enrolled"`
	Asked    int64 `json:"asked"`
	Peak     int64 `json:"peak"`
}

// begin resets the peak: proc(5), clear_refs.
func (*Memory) begin() error {
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

func (m *Memory) end() (err error) {
	if m.Asked, err = resident(); err != nil {
		return err
	}
	m.Peak, err = status("VmHWM")
	return err
}

func resident() (int64, error) { return status("VmRSS") }

// status is an amount of memory that the kernel reports of this process.
func status(key string) (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := strings.CutPrefix(string(line), key+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("registrybench: the kernel does not report %s", key)
}
