package console

import (
	"slices"

	"github.com/sesuai/sesuai/internal/operator"
)

// Patterns are those of all routes.
func Patterns() (all []string) {
	for _, r := range routes() {
		all = append(all, r.pattern)
	}
	return all
}

// Allowed reports whether a route is for that role, or for everybody.
func Allowed(pattern string, role operator.Role) bool {
	return slices.ContainsFunc(routes(), func(r route) bool { return r.pattern == pattern && (r.roles == nil || slices.Contains(r.roles, role)) })
}

// Messages are all texts in both languages, by their keys.
func Messages() map[string][2]string {
	all := make(map[string][2]string, len(messages))
	for key, m := range messages {
		all[key] = [2]string{m.en, m.id}
	}
	return all
}
