package docs_test

import (
	"regexp"
	"strings"
)

// step is a command of a page.
type step struct {
	// line is the command as it stands, over several lines if it ends them
	// with \.
	line string
	// output is what the page says that the command prints, without the line
	// break at its end; "" if it does not say.
	output string
}

// holds reports whether the command goes on until it is stopped.
func (s step) holds() bool { return holding.MatchString(s.line) }

// page is what there is to run on a page: its commands in their order, and its
// files by their names.
type page struct {
	steps []step
	files map[string]string
}

var (
	command = regexp.MustCompile(`^([A-Z_]+=\S+ )*(export|make|sesuai|curl|sh|npm|node|rm|cp|mv|chmod|systemctl|sudo) `)
	holding = regexp.MustCompile(`make run|dukcapil-sandbox --|sesuai (--\S+ \S+ )*serve( --sandbox)?$`)
	fence   = regexp.MustCompile("(?ms)^```[a-z]*\n// (\\S+)\n(.*?)^```$")
	inline  = regexp.MustCompile("`((?:make|sesuai) [^`]+)`")
)

// parsePage reads a page in Markdown. A block that is indented by four spaces or
// more and begins like a command is a list of commands, another one is the output of the
// command before it. A fenced block that begins with the comment // NAME is a file.
func parsePage(text string) page {
	p := page{files: make(map[string]string)}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		p.files[m[1]] = m[2]
	}
	for _, block := range blocks(text) {
		if command.MatchString(block) {
			for _, line := range strings.Split(strings.ReplaceAll(block, "\\\n", "\\\x00"), "\n") {
				p.steps = append(p.steps, step{line: strings.ReplaceAll(line, "\x00", "\n")})
			}
		} else if n := len(p.steps); n > 0 {
			p.steps[n-1].output = block
		}
	}
	return p
}

// blocks returns the indented blocks of a page, without the indentation.
func blocks(text string) []string {
	const least = "    "
	var all []string
	indent := "" // that of the block; "" outside of one
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case !strings.HasPrefix(line, least):
			indent = ""
		case indent == "":
			code := strings.TrimLeft(line, " ")
			indent = line[:len(line)-len(code)]
			all = append(all, code)
		default:
			all[len(all)-1] += "\n" + strings.TrimPrefix(line, indent)
		}
	}
	return all
}

// inlineCommands returns the commands in the text of a page.
func inlineCommands(text string) []string {
	var all []string
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}
