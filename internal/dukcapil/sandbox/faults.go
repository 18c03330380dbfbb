package sandbox

import (
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
)

// Fault is a fault that the sandbox injects into an answer.
type Fault string

// The faults. A fault that only delays or cuts the answer does not change its
// class or price. With every other fault the registry is not asked and nothing
// is billed.
const (
	Refused      Fault = "refused"       // a code that has nothing to do with the call
	EmptyContent Fault = "empty_content" // an answer without content
	Stalled      Fault = "stalled"       // nothing for Options.Stall, then the connection is closed
	Reset        Fault = "reset"         // the connection is reset at once
	Cut          Fault = "cut"           // half of the body, then the connection is closed
	HalfJSON     Fault = "half_json"     // half of the body, as a complete response
	SlowHeaders  Fault = "slow_headers"  // the answer, after Options.Slow
	SlowBody     Fault = "slow_body"     // the answer in pieces over Options.Slow
	Endless      Fault = "endless"       // a body of 64 MiB
	Garbage      Fault = "garbage"       // bytes that are not JSON
	EmptyBody    Fault = "empty_body"
	Page         Fault = "page" // HTTP 200 with a web page
	Redirected   Fault = "redirected"
	HTTP401      Fault = "http_401"
	HTTP429      Fault = "http_429"
	HTTP500      Fault = "http_500"
	HTTP502      Fault = "http_502"
	HTTP503      Fault = "http_503"
)

// Faults are what goes wrong at random. Each is the fraction of a service's
// calls that have the fault, 0 to 1; together they are at most 1. Calls about
// magic NIKs have none of them.
type Faults struct {
	// Refuse is the fraction that is answered with one of codes.
	Refuse float64 `yaml:"refuse"`
	// HTTP500 is the fraction that is answered HTTP 500 with a web page.
	HTTP500 float64 `yaml:"http_500"`
	// Stall is the fraction that gets no byte for the time of stall; then the
	// connection ends.
	Stall float64 `yaml:"stall"`
	// Cut is the fraction that gets half of the body; then the connection ends.
	Cut float64 `yaml:"cut"`
	// Garbage is the fraction that is answered with bytes that are not JSON.
	Garbage float64 `yaml:"garbage"`
	// Empty is the fraction that is answered with an empty content by the data
	// check, and with {} by the others.
	Empty float64 `yaml:"empty"`
	// Reset is the fraction whose connection is reset.
	Reset float64 `yaml:"reset"`
	// SlowHeaders is the fraction that is answered after the time of slow.
	SlowHeaders float64 `yaml:"slow_headers"`
	// SlowBody is the fraction that is answered in pieces over the time of
	// slow.
	SlowBody float64 `yaml:"slow_body"`
	// Codes are the codes that refuse picks from: RESPONSE_CODEs for the data
	// check (07 if the list is empty), errorCodes for the face check (5000,
	// 5002, 6012 and 6014), and messages for balikan.
	Codes []string `yaml:"codes"`
}

// kinds returns the fractions by fault.
func (f Faults) kinds() []struct {
	fault    Fault
	fraction float64
} {
	return []struct {
		fault    Fault
		fraction float64
	}{
		{Refused, f.Refuse},
		{HTTP500, f.HTTP500},
		{Stalled, f.Stall},
		{Cut, f.Cut},
		{Garbage, f.Garbage},
		{EmptyContent, f.Empty},
		{Reset, f.Reset},
		{SlowHeaders, f.SlowHeaders},
		{SlowBody, f.SlowBody},
	}
}

func (f Faults) check() error {
	sum := 0.0
	for _, k := range f.kinds() {
		if !(k.fraction >= 0 && k.fraction <= 1) {
			return errors.New("a fault's fraction of calls must be from 0 to 1")
		}
		sum += k.fraction
	}
	if sum > 1+1e-9 {
		return errors.New("the faults' fractions of calls add up to more than 1")
	}
	return nil
}

// draw returns the fault of a call, or "".
func (f Faults) draw(rng *rand.Rand) Fault {
	at := rng.Float64()
	for _, k := range f.kinds() {
		if at < k.fraction {
			return k.fault
		}
		at -= k.fraction
	}
	return ""
}

// code returns the code of a refusal: one of f.Codes, or one of otherwise if
// those are empty.
func (f Faults) code(rng *rand.Rand, otherwise ...string) string {
	if len(f.Codes) > 0 {
		otherwise = f.Codes
	}
	return otherwise[rng.IntN(len(otherwise))]
}

// replacements are the faults that replace the answer.
var replacements = map[Fault]struct {
	class  Class
	status int
}{
	Stalled:    {NoAnswer, 0},
	Reset:      {NoAnswer, 0},
	Endless:    {Unreadable, http.StatusOK},
	Garbage:    {Unreadable, http.StatusOK},
	EmptyBody:  {Unreadable, http.StatusOK},
	Page:       {Unreadable, http.StatusOK},
	Redirected: {NoAnswer, http.StatusFound},
	HTTP401:    {NoAnswer, http.StatusUnauthorized},
	HTTP429:    {NoAnswer, http.StatusTooManyRequests},
	HTTP500:    {NoAnswer, http.StatusInternalServerError},
	HTTP502:    {NoAnswer, http.StatusBadGateway},
	HTTP503:    {NoAnswer, http.StatusServiceUnavailable},
}

// endless is the size of an endless body, in bytes.
const endless = 64 << 20

// deliver sends the answer, or what the call's fault makes of it.
func (s *Server) deliver(c *call, w http.ResponseWriter) {
	switch c.entry.Fault {
	case Stalled:
		wait(c.r.Context(), s.o.Stall)
		panic(http.ErrAbortHandler)
	case Reset:
		reset(w)
	case Cut:
		w.Header().Set("Content-Length", strconv.Itoa(len(c.reply)))
		c.write(w, c.reply[:len(c.reply)/2])
		panic(http.ErrAbortHandler)
	case HalfJSON:
		c.write(w, c.reply[:len(c.reply)/2])
	case SlowHeaders:
		if !wait(c.r.Context(), s.o.Slow) {
			panic(http.ErrAbortHandler)
		}
		c.write(w, c.reply)
	case SlowBody:
		w.Header().Set("Content-Length", strconv.Itoa(len(c.reply)))
		const pieces = 10
		for i := range pieces {
			c.write(w, c.reply[i*len(c.reply)/pieces:(i+1)*len(c.reply)/pieces])
			if !wait(c.r.Context(), s.o.Slow/pieces) {
				panic(http.ErrAbortHandler)
			}
		}
	case Endless:
		c.write(w, []byte(`{"content":[{"NIK":"`))
		piece := make([]byte, 64<<10)
		for i := range piece {
			piece[i] = 'x'
		}
		for range endless / len(piece) {
			if c.r.Context().Err() != nil {
				break
			}
			c.write(w, piece)
		}
		panic(http.ErrAbortHandler)
	case Garbage:
		c.write(w, []byte("\x00\x01\x02 ini bukan JSON \xff\xfe"))
	case EmptyBody:
		c.write(w, nil)
	case Page, HTTP401, HTTP429, HTTP500, HTTP502, HTTP503:
		if c.entry.Fault == HTTP429 || c.entry.Fault == HTTP503 {
			w.Header().Set("Retry-After", "1")
		}
		page(w, c.entry.Status)
	case Redirected:
		w.Header().Set("Location", "/login")
		page(w, c.entry.Status)
	default:
		c.write(w, c.reply)
	}
}

// write sends a part of the answer. It ignores errors, since the call has been
// recorded.
func (c *call) write(w http.ResponseWriter, b []byte) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(c.entry.Status)
	}
	_, _ = w.Write(b)
	_ = http.NewResponseController(w).Flush()
}

// reset resets the connection, or closes it if it is not a TCP connection.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn() // without TLS's close_notify
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = conn.Close()
}

// page sends a web page, like a proxy in front of the services.
func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	_, _ = w.Write([]byte("<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n</body>\r\n</html>\r\n"))
}
