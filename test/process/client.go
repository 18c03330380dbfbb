package process

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Credentials are those of a client, as "sesuai client add" prints them.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
	APIKey   string `json:"api_key"`
}

// Sign puts the credentials into the header of a request.
func (c Credentials) Sign(r *http.Request) {
	r.SetBasicAuth(c.Username, c.Password)
	r.Header.Set("X-Api-Key", c.APIKey)
}

// FormType is the Content-Type of a Form.
const FormType = "multipart/form-data; boundary=" + boundary

const boundary = "the-boundary"

// Claim is what a verification claims of a person.
type Claim struct{ NIK, Name, DateOfBirth string }

// ayu is the first of the demo people.
var ayu = Claim{"9901015203900001", "AYU KENCANA PRATIWI", "12-03-1990"}

// FormHead returns the form of a verification of Ayu, the first of the demo people,
// up to the bytes of the photograph.
func FormHead() string { return formHead(ayu) }

func formHead(c Claim) string {
	var b strings.Builder
	for _, f := range [][2]string{{"nik", c.NIK}, {"name", c.Name}, {"date_of_birth", c.DateOfBirth}} {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, f[0], f[1])
	}
	fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"face_image\"; filename=\"x\"\r\n\r\n", boundary)
	return b.String()
}

// Form returns the form of a verification of Ayu with a photograph.
func Form(photo []byte) []byte { return FormOf(ayu, photo) }

// FormOf returns the form of a verification of a claim with a photograph.
func FormOf(c Claim, photo []byte) []byte {
	return append(append([]byte(formHead(c)), photo...), "\r\n--"+boundary+"--\r\n"...)
}

// StatusKiB returns a memory figure of the process from /proc, in KiB: VmRSS, or
// VmHWM for its peak.
func (p *Process) StatusKiB(t testing.TB, key string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in the process's status", key)
	return 0
}

// CPUTime returns the CPU time, of user and system, that a process has taken, from
// /proc.
func CPUTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The second field, the name, is in brackets and may hold spaces: proc_pid_stat(5).
	_, rest, _ := strings.Cut(string(b), ") ")
	var used time.Duration
	for _, field := range strings.Fields(rest)[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		used += time.Duration(n) * time.Second / 100
	}
	return used
}

// Allocated returns how many bytes f allocates, in this process.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Minutes returns for how long a test puts a load on the program: as many minutes
// as the variable says, or the short time if it is not set. whole reports whether
// it is set.
func Minutes(t testing.TB, variable string, short time.Duration) (lasts time.Duration, whole bool) {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return short, false
	}
	minutes, err := strconv.ParseFloat(text, 64)
	if err != nil || minutes <= 0 {
		t.Fatalf("%s is %q: a number of minutes is needed", variable, text)
	}
	return time.Duration(minutes * float64(time.Minute)), true
}
