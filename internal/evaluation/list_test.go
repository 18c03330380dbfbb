package evaluation_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/evaluation"
)

func read(t *testing.T, list string) *evaluation.Set {
	t.Helper()
	set, err := evaluation.ReadList(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// who is the name of the person on each photograph.
func who(set *evaluation.Set) map[string]string {
	out := make(map[string]string)
	for _, s := range set.Samples {
		out[s.File] = set.People[s.Person]
	}
	return out
}

func TestPeopleOfAList(t *testing.T) {
	for _, test := range []struct {
		about, list string
		want        map[string]string
	}{
		{
			"by the paths, up to the file name's last underscore",
			"same,reference,probe\n1,lfw/Ai_Ito/Ai_Ito_0001.jpg,lfw/Ai_Ito/Ai_Ito_0002.jpg\n0,lfw/Ai_Ito/Ai_Ito_0002.jpg,london/005_neutral.jpg\n",
			map[string]string{
				"lfw/Ai_Ito/Ai_Ito_0001.jpg": "lfw/Ai_Ito/Ai_Ito", "lfw/Ai_Ito/Ai_Ito_0002.jpg": "lfw/Ai_Ito/Ai_Ito",
				"london/005_neutral.jpg": "london/005",
			},
		},
		{
			"an underscore in a folder's name says nothing",
			"same,reference,probe\n0,my_faces/1.jpg,my_faces/2.jpg\n0,my_faces/_1.jpg,my_faces/_2.jpg\n",
			map[string]string{
				"my_faces/1.jpg": "my_faces/1.jpg", "my_faces/2.jpg": "my_faces/2.jpg",
				"my_faces/_1.jpg": "my_faces/_1.jpg", "my_faces/_2.jpg": "my_faces/_2.jpg",
			},
		},
		{
			"by the pairs too, over several lines",
			"\ufeffprobe,same,reference\r\nb.jpg,1,a.jpg\r\nc.jpg,1,b.jpg\r\nd.jpg,0,c.jpg\r\n",
			map[string]string{"a.jpg": "a.jpg", "b.jpg": "a.jpg", "c.jpg": "a.jpg", "d.jpg": "d.jpg"},
		},
		{
			"by their columns alone",
			"same,reference,probe,reference_person,probe_person\n0,x_1.jpg,x_2.jpg,Ayu,Rani\n1,x_1.jpg,y.jpg,Ayu,Ayu\n",
			map[string]string{"x_1.jpg": "Ayu", "x_2.jpg": "Rani", "y.jpg": "Ayu"},
		},
	} {
		t.Run(test.about, func(t *testing.T) {
			if diff := cmp.Diff(test.want, who(read(t, test.list))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGroupsAndFolds(t *testing.T) {
	set := read(t, "same,reference,probe,fold,reference_group,probe_group\n"+
		"1,a_1,a_2,7,east,east\n0,a_1,b_1,3,east,west\n0,b_1,c_1,7,west,west\n")
	if diff := cmp.Diff([]string{"east", "west"}, set.Groups); diff != "" {
		t.Error(diff)
	}
	var folds, groups []int
	for _, p := range set.Pairs {
		folds = append(folds, p.Fold)
	}
	for _, s := range set.Samples {
		groups = append(groups, s.Group)
	}
	if diff := cmp.Diff([]int{1, 0, 1}, folds); diff != "" {
		t.Error("folds", diff)
	}
	if diff := cmp.Diff([]int{0, 0, 1, 1}, groups); diff != "" {
		t.Error("groups", diff)
	}
	plain := read(t, "same,reference,probe\n0,a,b\n")
	if plain.Pairs[0].Fold != -1 || plain.Samples[0].Group != -1 || plain.Groups != nil {
		t.Errorf("a list without folds and groups has some: %+v", plain)
	}
	if plain.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte("same,reference,probe\n0,a,b\n"))) {
		t.Errorf("digest %s", plain.SHA256)
	}
}

func TestListsThatAreWrong(t *testing.T) {
	const header = "same,reference,probe\n"
	for _, test := range []struct{ list, says string }{
		{"", "it is empty"},
		{header, "it has no pairs"},
		{"0,canary,b\n", "line 1: column 1 has a name that is not known, or is there twice"},
		{"same,reference,reference\n", "line 1: column 3 has a name"},
		{"same,reference\n", "line 1: the column probe is missing"},
		{"same,reference,probe,reference_person\n", "line 1: reference_person and probe_person go together"},
		{"same,reference,probe,probe_group\n", "line 1: reference_group and probe_group go together"},
		{"same,reference,probe,group,reference_group,probe_group\n", "line 1: group and reference_group exclude each other"},
		{header + "0,a,b\nyes,canary,d\n", "line 3: same must be 0 or 1"},
		{header + "0,a\n", "line 2: not as many fields"},
		{header + "0,\"canary,b\n0,c,d\n", "line 2: not CSV"},
		{header + "0,\"canary\nx\",b\n", "line 2: reference must be one line of UTF-8"},
		{header + "0,,b\n", "line 2: reference is empty"},
		{header + "0,a," + strings.Repeat("x", 1025) + "\n", "line 2: probe is longer than 1024 bytes"},
		{header + "0,a," + strings.Repeat("x", 20_000) + "\n", "line 2: it is longer than 16384 bytes"},
		{header + "0,a,\xff\n", "line 2: probe must be one line of UTF-8"},
		{header + "0,../canary,b\n", "line 2: reference must be a path inside"},
		{header + "0,a,/canary\n", "line 2: probe must be a path inside"},
		{header + "0,a,x/../canary\n", "line 2: probe must be a path inside"},
		{header + "1,canary,canary\n", "line 2: reference and probe are one photograph"},
		{header + "0,canary,b\n0,b,canary\n0,canary,b\n", "line 4: the pair of line 2 again"},
		{header + "0,canary_1,canary_2\n", "line 2: same is 0, but by other lines or by their paths"},
		{header + "1,canary,b\n1,b,c\n0,canary,c\n", "line 4: same is 0, but by other lines"},
		{"same,reference,probe,reference_person,probe_person\n0,a,b,canary,canary\n", "line 2: same is 0, but the persons are one"},
		{"same,reference,probe,reference_person,probe_person\n1,a,b,canary,x\n", "line 2: same is 1, but the persons differ"},
		{"same,reference,probe,reference_person,probe_person\n0,a,b,canary,x\n0,a,c,x,y\n", "line 3: reference_person is another than on line 2"},
		{"same,reference,probe,group\n0,a,b,canary\n0,a,c,x\n", "line 3: group is another than on line 2 for the same photograph"},
		{"same,reference,probe,group\n0,a_1,b_1,canary\n0,a_2,b_2,x\n", "line 3: the group is another than on line 2 for the same person"},
		{"same,reference,probe,fold\n0,a,b,-1\n", "line 2: fold must be a whole number from 0 to 1000"},
	} {
		_, err := evaluation.ReadList(strings.NewReader(test.list))
		if sesuai.KindOf(err) != sesuai.KindMalformed || !strings.Contains(fmt.Sprint(err), test.says) {
			t.Errorf("%q: %v, want %s", test.list[:min(len(test.list), 80)], err, test.says)
		}
		if strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%q is repeated: %v", test.list, err)
		}
	}
}

// listErrors is all that may be said of a list, but for numbers.
var listErrors = regexp.MustCompile(`^the list: (it (is empty|has no pairs)|line N: (` +
	`it is longer than N bytes|column N has a name that is not known, or is there twice|the column [a-z]+ is missing` +
	`|[a-z_]+ and [a-z_]+ (go together|exclude each other|are one photograph)|not as many fields as the header line has` +
	`|not CSV: quotes do not match|same must be N or N|fold must be a whole number from N to N` +
	`|[a-z_]+ (is empty|is longer than N bytes|must be one line of UTF-N|must be a path inside the folder of photographs, without \. and \.\.)` +
	`|[a-z_]+ is another than on line N for the same photograph|the group is another than on line N for the same person` +
	`|the pair of line N again|same is N, but .*))$`)

// FuzzList: whatever a list holds, nothing panics, what is said of it is one of
// a few sentences, and what is read is consistent.
func FuzzList(f *testing.F) {
	for _, seed := range []string{
		"", "same,reference,probe\n1,a_1,a_2\n0,a_1,b_1\n", "same,reference,probe,fold,group\n0,a,b,1,x\n1,a,c,2,x\n",
		"\ufeffsame,reference,probe,reference_person,probe_person,reference_group,probe_group\n0,a,b,p,q,x,y\n",
		"same,reference,probe\n0,\"a\nb\",c\n", "same,reference,probe\n0,../a,b\n",
	} {
		f.Add(seed)
	}
	number := regexp.MustCompile(`[0-9]+`)
	f.Fuzz(func(t *testing.T, list string) {
		set, err := evaluation.ReadList(strings.NewReader(list))
		if err != nil {
			own, ok := errors.AsType[*sesuai.Error](err)
			if !ok || !listErrors.MatchString(number.ReplaceAllString(own.Detail, "N")) {
				t.Errorf("error %v", err)
			}
			return
		}
		for _, p := range set.Pairs {
			a, b := set.Samples[p.Reference], set.Samples[p.Probe]
			if p.Same != (a.Person == b.Person) || a.Group >= len(set.Groups) || a.Person >= len(set.People) || a.Person < 0 {
				t.Errorf("pair %+v of %+v and %+v", p, a, b)
			}
		}
	})
}
