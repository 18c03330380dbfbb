package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error says that there is no answer. It never holds what was sent.
type Error struct {
	// Status is that of HTTP; 0 if no response was received.
	Status int
	// Code is the service's name for what is wrong, such as FACE_NOT_DETECTED. It
	// is empty for errors whose status says everything.
	Code string
	// Reason is the service's text.
	Reason string
	// Guidance tells a person what to do about it. Its texts may be empty.
	Guidance Guidance
	// Measures are the quality measures that a photograph failed, if Code is
	// FACE_QUALITY.
	Measures []string
	// Image names the photograph that the error is about, if a request has two.
	Image string
	// RequestID is the id by which the service's log knows the last attempt.
	RequestID string
	// RetryAfter is how long the service asks to wait; 0 if it does not say.
	RetryAfter time.Duration
	// Signed is the evidence of a refusal of the photograph; nil if that is not signed.
	Signed *Signed
	// Attempts is how often the call was sent.
	Attempts int
	// Err is the cause if there is no response, or none that can be read.
	Err error
}

// Guidance is in Bahasa Indonesia and in English.
type Guidance struct {
	ID string `json:"id"`
	EN string `json:"en"`
}

// Error implements error. The text is for a log.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("sesuai: no answer")
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	for _, text := range []string{e.Code, e.Reason} {
		if text != "" {
			b.WriteString(": " + text)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same call may succeed later: no response was received,
// or the service or a proxy in front of it says that it cannot answer now.
func (e *Error) Retryable() bool {
	switch e.Status {
	case 0:
		return true
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return e.Status >= 400 && e.RetryAfter > 0
	}
}

// errorOf returns the error in a response. A body that is not one of the service's
// is dropped: a proxy may quote the request in it.
func errorOf(status int, header http.Header, body []byte) *Error {
	var b struct {
		Code     string   `json:"code"`
		Reason   string   `json:"reason"`
		Error    string   `json:"error"`
		Guidance Guidance `json:"guidance"`
		Measures []string `json:"measures"`
		Image    string   `json:"image"`
	}
	e := &Error{Status: status, RequestID: header.Get("Request-Id"), RetryAfter: retryAfter(header.Get("Retry-After"), time.Now())}
	if err := json.Unmarshal(body, &b); err != nil || e.RequestID == "" {
		return e
	}
	e.Code, e.Reason, e.Guidance, e.Measures, e.Image = b.Code, b.Reason, b.Guidance, b.Measures, b.Image
	if e.Reason == "" {
		e.Reason = b.Error
	}
	return e
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3). It
// returns 0 for anything else, and for a date that has passed.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}
