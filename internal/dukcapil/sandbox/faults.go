package sandbox

import (
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
)

// Fault is what is done to an answer on its way.
type Fault string

// The faults. Those that leave the answer what it is, only slower or in
// pieces, leave its class and its price; with the others nothing is asked of
// the registry and nothing is billed.
const (
	Refused      Fault = "refused"       // an answer, with a code that has nothing to do with the call
	EmptyContent Fault = "empty_content" // an answer that says nothing
	Stalled      Fault = "stalled"       // no byte for Options.Stall, then the connection ends
	Reset        Fault = "reset"         // the connection is reset at once
	Cut          Fault = "cut"           // half of the body, then the connection ends
	HalfJSON     Fault = "half_json"     // half of the body as if it were all of it
	SlowHeaders  Fault = "slow_headers"  // the answer, after Options.Slow
	SlowBody     Fault = "slow_body"     // the answer in pieces over Options.Slow
	Endless      Fault = "endless"       // a body that does not end before 64 MiB
	Garbage      Fault = "garbage"       // bytes that are no JSON
	EmptyBody    Fault = "empty_body"
	Page         Fault = "page" // HTTP 200 with a web page
	Redirected   Fault = "redirected"
	HTTP401      Fault = "http_401"
	HTTP429      Fault = "http_429"
	HTTP500      Fault = "http_500"
	HTTP502      Fault = "http_502"
	HTTP503      Fault = "http_503"
)

// Faults are what goes wrong by chance, each as the fraction of a service's
// calls that it befalls. They do not befall calls about magic NIKs.
type Faults struct {
	// Refuse answers with one of Codes.
	Refuse float64 `yaml:"refuse"`
	// HTTP500, Stall, Cut, Garbage, Empty (no content), Reset, SlowHeaders and
	// SlowBody are the Faults of like names.
	HTTP500     float64 `yaml:"http_500"`
	Stall       float64 `yaml:"stall"`
	Cut         float64 `yaml:"cut"`
	Garbage     float64 `yaml:"garbage"`
	Empty       float64 `yaml:"empty"`
	Reset       float64 `yaml:"reset"`
	SlowHeaders float64 `yaml:"slow_headers"`
	SlowBody    float64 `yaml:"slow_body"`
	// Codes are what Refuse chooses from: RESPONSE_CODEs for the data check (07
	// if there are none), errorCodes for the face check (5000, 5002, 6012 and
	// 6014), and messages for balikan.
	Codes []string `yaml:"codes"`
}

// kinds are the fractions by fault.
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
			return errors.New("a fault befalls a fraction from 0 to 1")
		}
		sum += k.fraction
	}
	if sum > 1+1e-9 {
		return errors.New("faults befall more than all calls")
	}
	return nil
}

// draw is the fault of one call, or none.
func (f Faults) draw(chance *rand.Rand) Fault {
	at := chance.Float64()
	for _, k := range f.kinds() {
		if at < k.fraction {
			return k.fault
		}
		at -= k.fraction
	}
	return ""
}

// code is the code of one refusal.
func (f Faults) code(chance *rand.Rand, otherwise ...string) string {
	if len(f.Codes) > 0 {
		otherwise = f.Codes
	}
	return otherwise[chance.IntN(len(otherwise))]
}

// instead are the answers that faults put in the place of the true one.
var instead = map[Fault]struct {
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

// endless is how much an endless body has.
const endless = 64 << 20

// deliver sends the answer as its fault would have it.
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

// write sends a part of the answer. That nobody takes it any more is no
// matter: what was answered is on record.
func (c *call) write(w http.ResponseWriter, b []byte) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(c.entry.Status)
	}
	_, _ = w.Write(b)
	_ = http.NewResponseController(w).Flush()
}

// reset ends the connection so that the other side sees a reset, where that
// can be done.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn() // without the close of TLS
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = conn.Close()
}

// page sends a web page, as a proxy in front of the services does.
func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	_, _ = w.Write([]byte("<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n</body>\r\n</html>\r\n"))
}
