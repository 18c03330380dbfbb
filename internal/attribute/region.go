package attribute

import (
	_ "embed"
	"strings"
)

// regionList has a line for each province, regency and city: its code and its
// names. The codes and names are those of the Minister of Home Affairs' decision
// 300.2.2-2138 of 2025, and those that were valid before the provinces of Papua
// were divided in 2022 and places were renamed.
//
//go:embed regions.txt
var regionList string

// regions maps a code, without dots, to the names of the region.
var regions = func() map[string][]string {
	all := make(map[string][]string)
	for line := range strings.Lines(regionList) {
		code, names, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[code] = strings.Split(names, "; ")
	}
	return all
}()

// regionCode returns the code in a text that is one: 32, 3273, 32.73, 32.73.01 or
// 32.73.01.1002. Otherwise it returns "".
func regionCode(text string) string {
	code := strings.ReplaceAll(strings.TrimSpace(text), ".", "")
	if strings.Trim(code, "0123456789") != "" {
		return ""
	}
	switch len(code) {
	case 2, 4, 6, 10:
		return code
	default:
		return ""
	}
}
