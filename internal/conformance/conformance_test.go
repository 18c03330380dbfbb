package conformance_test

import (
	"slices"
	"testing"

	"github.com/sesuai/sesuai/internal/conformance"
)

// suite notes which of its tests ran.
type suite struct{ ran *[]string }

func (s suite) TestSecond(t *testing.T) { *s.ran = append(*s.ran, t.Name()) }
func (s suite) TestFirst(t *testing.T)  { *s.ran = append(*s.ran, t.Name()) }
func (s suite) Check(t *testing.T)      { t.Error("Check is not a test") }

// pointers has its tests on the pointer.
type pointers struct{}

func (*pointers) TestOne(*testing.T) {}

type noArgument struct{}

func (noArgument) TestOne() {}

type onlyPrefix struct{}

func (onlyPrefix) Test(*testing.T) {}

func TestRunsEveryTest(t *testing.T) {
	var ran []string
	conformance.Run(t, suite{&ran})
	if want := []string{t.Name() + "/First", t.Name() + "/Second"}; !slices.Equal(ran, want) {
		t.Errorf("ran %q, want %q", ran, want)
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		about string
		suite any
		want  []string // nil: an error
	}{
		{"a value", suite{}, []string{"First", "Second"}},
		{"a pointer to a value", &suite{}, []string{"First", "Second"}},
		{"methods of the pointer", &pointers{}, []string{"One"}},
		{"a value without the pointer's methods", pointers{}, nil},
		{"no test", struct{}{}, nil},
		{"nil", nil, nil},
		{"another signature", noArgument{}, nil},
		{"a name that is only the prefix", onlyPrefix{}, nil},
	} {
		got, err := conformance.Names(tt.suite)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%s: got %q, %v; want %q", tt.about, got, err, tt.want)
		}
	}
}
