package sandbox

import "time"

// ParseHours gives tests the two ends of hours, as times since midnight.
func ParseHours(text string) (from, to time.Duration, err error) {
	h, err := parseHours(text)
	return h.from, h.to, err
}
