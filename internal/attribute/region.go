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

// RegionCode returns the code of the Ministry of Home Affairs in a text that is
// one, such as 32, 32.73 or 32.73.01.1002, without the dots. Otherwise it returns
// "".
func RegionCode(text string) string {
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
