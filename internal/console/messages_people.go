package console

// messagesOfPeople are the texts of the built-in registry's page.
var messagesOfPeople = map[string]message{
	"people":            {"People", "Orang"},
	"people.find":       {"What is on record", "Yang tercatat"},
	"people.hint":       {"The values are only compared, and shown to nobody. Looking is recorded.", "Nilainya hanya dibandingkan, dan tidak ditampilkan kepada siapa pun. Pencarian dicatat."},
	"people.nobody":     {"Nobody with this NIK is on record.", "Tidak ada orang dengan NIK ini."},
	"people.attributes": {"On record", "Tercatat"},
	"people.status":     {"State", "Status"},
	"people.portrait":   {"Portrait", "Foto acuan"},
	"people.template":   {"template of model %s", "templat model %s"},
	"people.noportrait": {"none: no face can be verified", "tidak ada: wajah tidak dapat diverifikasi"},
	"people.enrolled":   {"Added", "Ditambahkan"},
	"people.changed":    {"Changed", "Diubah"},
	"people.add":        {"Add a person", "Tambah orang"},
	"people.photo":      {"Photograph (JPEG or PNG). Without one, faces cannot be compared.", "Foto (JPEG atau PNG). Tanpa foto, wajah tidak dapat dibandingkan."},
	"people.added":      {"The person is on record.", "Orang itu tercatat."},
	"people.unchanged":  {"The person was on record just so.", "Orang itu sudah tercatat persis seperti itu."},
	"people.kept":       {"The NIK is on record with other values or another photograph. Nothing has changed.", "NIK itu tercatat dengan nilai atau foto lain. Tidak ada yang berubah."},
	"people.erase":      {"To remove somebody, propose an erasure under Approvals.", "Untuk menghapus seseorang, usulkan penghapusan di Persetujuan."},

	"status.active":   {"active", "aktif"},
	"status.deceased": {"deceased", "meninggal"},
	"status.inactive": {"inactive", "tidak aktif"},
}
