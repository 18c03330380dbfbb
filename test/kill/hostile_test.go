package kill_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/face/facetest"
	"github.com/sesuai/sesuai/test/process"
)

// maxGrowth is by how much the server's memory may grow, in KiB.
const maxGrowth = 64 << 10

// connect opens a connection and sends the head of a request.
func (s *server) connect(t *testing.T, headers string) net.Conn {
	t.Helper()
	host := strings.TrimPrefix(s.address, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nX-Api-Key: %s\r\nContent-Type: %s\r\n%s\r\n",
		path, host, base64.StdEncoding.EncodeToString([]byte(s.Username+":"+s.Password)), s.APIKey, process.FormType, headers); err != nil {
		t.Fatal(err)
	}
	return c
}

// assertTooLarge reads a response, which must say that the request is too large.
func assertTooLarge(t *testing.T, c net.Conn) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("no answer: %v", err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 413 || !strings.Contains(string(body), `"code":"TOO_LARGE"`) {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
}

// TestGigabyte: a body of 1 GB with a declared length is refused before it is
// read, and one without a length at the limit. Neither is kept in memory.
func TestGigabyte(t *testing.T) {
	s := serve(t, withDemoPeople(t))
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	for range 20 { // to reach the memory of normal operation
		if status, body, err := s.verify("", photo); err != nil || status != 200 {
			t.Fatal(status, string(body), err)
		}
	}
	before := s.StatusKiB(t, "VmHWM")
	const gigabyte = 1 << 30

	assertTooLarge(t, s.connect(t, fmt.Sprintf("Content-Length: %d\r\n", gigabyte)))
	// A request that expects 100 Continue is refused at once.
	assertTooLarge(t, s.connect(t, fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n", gigabyte)))

	// A caller that sends without reading can send only a little.
	sent := send(s.connect(t, fmt.Sprintf("Content-Length: %d\r\n", gigabyte)), gigabyte, false)
	t.Logf("with a length: %d KiB were accepted", sent>>10)
	if sent > 16<<20 {
		t.Errorf("with a length, %d bytes were accepted", sent)
	}
	// The length of a chunked body is not known in advance.
	c, start := s.connect(t, "Transfer-Encoding: chunked\r\n"), process.FormHead()
	fmt.Fprintf(c, "%x\r\n%s\r\n", len(start), start)
	answer := make(chan struct{})
	go func() {
		assertTooLarge(t, c)
		close(answer)
	}()
	sent = send(c, gigabyte, true)
	<-answer
	t.Logf("in chunks: %d KiB were accepted", sent>>10)
	if sent > 32<<20 {
		t.Errorf("in chunks, %d bytes were accepted", sent)
	}
	after := s.StatusKiB(t, "VmHWM")
	t.Logf("VmHWM %d MiB before, %d MiB after", before>>10, after>>10)
	if after > before+maxGrowth {
		t.Errorf("memory has grown by %d KiB", after-before)
	}
	if status, body, err := s.verify("", photo); err != nil || status != 200 {
		t.Errorf("afterwards: %d %s, %v", status, body, err)
	}
	s.Stop(t)
}

// send writes zeros, in chunks or plain, until a write fails. It returns how many
// bytes were accepted.
func send(c net.Conn, size int, chunked bool) (sent int) {
	block := make([]byte, 1<<16)
	payload := block
	if chunked {
		payload = append(fmt.Appendf(nil, "%x\r\n", len(block)), append(block, "\r\n"...)...)
	}
	for sent < size {
		if _, err := c.Write(payload); err != nil {
			return sent
		}
		sent += len(block)
	}
	return sent
}

// TestEnormousImages: a photograph with a huge declared size is refused quickly,
// and without allocating memory for it.
func TestEnormousImages(t *testing.T) {
	s := serve(t, withDemoPeople(t))
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	for range 20 {
		if status, body, err := s.verify("", photo); err != nil || status != 200 {
			t.Fatal(status, string(body), err)
		}
	}
	before := s.StatusKiB(t, "VmHWM")
	huge := bytes.Clone(photo)
	frame := frameHeader(huge)
	if frame == nil {
		t.Fatal("the photograph has no frame header")
	}
	binary.BigEndian.PutUint16(frame[5:], 60000)
	binary.BigEndian.PutUint16(frame[7:], 60000)
	for name, image := range map[string][]byte{
		"PNG 60000×60000":           declaredPNG(60000, 60000),
		"PNG 4 million × 4 million": declaredPNG(4_000_000, 4_000_000),
		"PNG 40 million and one":    declaredPNG(40_000_001, 1),
		"JPEG 60000×60000":          huge,
	} {
		start := time.Now()
		status, body, err := s.verify("", image)
		if err != nil || status != 413 || !strings.Contains(string(body), `"code":"TOO_LARGE"`) {
			t.Errorf("%s: %d %s, %v", name, status, body, err)
		}
		took := time.Since(start)
		t.Logf("%s: %v", name, took)
		if took > 2*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	if after := s.StatusKiB(t, "VmHWM"); after > before+maxGrowth {
		t.Errorf("memory has grown by %d KiB", after-before)
	}
	s.Stop(t)
}

// TestLargeImages: a PNG of a few hundred kilobytes that would decode to 40
// megapixels of 16 bits is refused. A progressive JPEG of 50 megapixels, whose
// coefficients take 150 MB, is decoded, and several at once keep to the memory
// limit.
func TestLargeImages(t *testing.T) {
	s := serve(t, withDemoPeople(t))
	const side, callers = 6300, 6
	file := facetest.PNG{Width: side, Height: side, Depth: 16, Level: zlib.BestSpeed}.Encode()
	before := s.StatusKiB(t, "VmHWM")
	if status, body, err := s.verify("", file); err != nil || status != 413 {
		t.Errorf("the PNG: %d %s, %v", status, body, err)
	}
	if after := s.StatusKiB(t, "VmHWM"); after > before+maxGrowth {
		t.Errorf("refusing the PNG takes %d KiB", after-before)
	}
	progressive := facetest.JPEG{
		Width: 8160, Height: 6144, Progressive: true, Sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}},
		Scans: []facetest.Scan{{Components: []int{0, 1, 2}}},
	}.Encode()
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			status, body, err := s.verify("", progressive)
			// image/jpeg alone cannot afford it: docs/decisions/images.md.
			if err != nil || status != 413 && (status != 400 || !strings.Contains(string(body), `"code":"FACE_NOT_DETECTED"`)) {
				t.Errorf("the JPEG: %d %s, %v", status, body, err)
			}
		})
	}
	group.Wait()
	const budget = 512 << 10 // the default of limits.memory
	peak := s.StatusKiB(t, "VmHWM")
	t.Logf("a file of %d KiB; a peak of %d MiB", len(progressive)>>10, peak>>10)
	if peak > before+budget+maxGrowth {
		t.Errorf("a peak of %d MiB", peak>>10)
	}
	s.Stop(t)
}

// declaredPNG returns a PNG in which only the header is valid.
func declaredPNG(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, content []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(content)))
		sum := crc32.NewIEEE()
		_, _ = sum.Write([]byte(kind))
		_, _ = sum.Write(content)
		b = append(append(b, kind...), content...)
		b = binary.BigEndian.AppendUint32(b, sum.Sum32())
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(header, 8, 2, 0, 0, 0)) // 8-bit RGB
	chunk("IDAT", []byte{0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01})
	chunk("IEND", nil)
	return b
}

// TestMutatedPhotographs: for every corrupted photograph the response is a JSON
// object and never HTTP 500. The second half of the photographs takes no more
// memory than the first. MUTATIONS is how many there are in a half.
func TestMutatedPhotographs(t *testing.T) {
	s := serve(t, withDemoPeople(t), process.Exact()...)
	const rounds, callers = 2, 4
	n := 200
	if v := os.Getenv("MUTATIONS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatalf("MUTATIONS: %v", err)
		}
	}
	jpegs := [][]byte{readFile(t, photosDir+"/ayu-selfie.jpg"), readFile(t, photosDir+"/ayu-720.jpg"), readFile(t, photosDir+"/dewi.jpg")}
	images := append(jpegs, photographAsPNG(t, jpegs[0]))
	random := rand.New(rand.NewPCG(mutationSeed(t), 1))
	var mu sync.Mutex
	statuses := make(map[int]int)
	var slowest time.Duration
	var memory [rounds]int
	for round := range rounds {
		work := make(chan []byte)
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for image := range work {
					start := time.Now()
					status, body, err := s.verify("", image)
					took := time.Since(start)
					mu.Lock()
					slowest = max(slowest, took)
					statuses[status]++
					switch {
					case err != nil:
						t.Errorf("%v", err)
					case status != 200 && status != 400 && status != 413 && status != 415:
						t.Errorf("%d %s of an image that begins % x", status, body, image[:min(64, len(image))])
					}
					mu.Unlock()
				}
			})
		}
		for range n {
			work <- mutated(random, images)
		}
		close(work)
		group.Wait()
		memory[round] = s.StatusKiB(t, "VmRSS")
	}
	t.Logf("answers by status: %v; the slowest took %v; memory after each half %d KiB", statuses, slowest, memory)
	if memory[1] > memory[0]+maxGrowth {
		t.Errorf("memory has grown by %d KiB with the second half", memory[1]-memory[0])
	}
	if statuses[200] == 0 || statuses[400] == 0 || statuses[413] == 0 || statuses[415] == 0 {
		t.Errorf("not all statuses occurred: %v", statuses)
	}
	s.Stop(t)
	if log := s.Log.String(); log != "" {
		t.Errorf("the log says %s", log)
	}
}
