package httpapi

import "net/textproto"

// PartNameForTest returns the name of a part with this Content-Disposition.
func PartNameForTest(disposition string) (string, error) {
	return partName(textproto.MIMEHeader{"Content-Disposition": {disposition}})
}

// FollowForTest follows bytes from the start of a connection, in pieces of a
// size. It returns how many are allowed, and at which of them requests end.
func FollowForTest(b []byte, size int) (allowed int, ends map[int]bool) {
	var f framing
	ends = make(map[int]bool)
	for allowed < len(b) {
		piece := b[allowed:min(allowed+size, len(b))]
		n := f.follow(piece)
		allowed += n
		if n < len(piece) {
			break
		}
		if f.section == requestLine && f.body == 0 && len(f.line) == 0 {
			ends[allowed] = true
		}
	}
	return allowed, ends
}

// AwaitingForTest returns how many requests wait for the answers of others.
func (s *Server) AwaitingForTest() int64 { return s.awaits.Taken() }

// BodiesForTest returns how many bytes of memory bodies take.
func (s *Server) BodiesForTest() int64 { return s.bodies.Taken() }
